//! Limits the handshakes that compute at once, because they are expensive and may be numerous.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Lets the handshakes of a manager compute on all workers of its runtime but one, one step per
/// turn, in order of arrival.
///
/// A step takes some hundred microseconds of uninterrupted computation. Without turns, a thousand
/// handshakes that are ready at once would delay every other task in the runtime's queue. A
/// handshake that waits for its peer holds no turn.
#[derive(Default)]
pub(crate) struct HandshakeLimit {
    free: OnceLock<Semaphore>,
}

impl HandshakeLimit {
    /// Runs `handshake`, each poll of it within a turn of its own.
    pub(crate) async fn take<F: Future>(&self, handshake: F) -> F::Output {
        let free = self.free.get_or_init(|| {
            // An attempt always runs within a runtime. A runtime with one thread has one turn, and
            // other tasks run between two steps.
            let workers = Handle::current().metrics().num_workers();
            Semaphore::new(workers.saturating_sub(1).max(1))
        });
        let mut handshake = pin!(handshake);
        loop {
            let mut turn = Some(free.acquire().await);
            // Ready when the handshake is done, or when a step has woken it.
            let step = poll_fn(|context| match turn.take() {
                Some(_held) => handshake.as_mut().poll(context).map(Some),
                None => Poll::Ready(None),
            });
            if let Some(output) = step.await {
                return output;
            }
        }
    }
}
