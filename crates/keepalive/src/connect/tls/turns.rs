//! Who computes: a handshake is heavy, and there may be very many at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Lets handshakes of a manager compute on all workers of its runtime but one, each for one step,
/// in order of arrival.
///
/// A step is some hundred microseconds of arithmetic that nothing interrupts. Without turns, a
/// thousand handshakes that are ready at once would all stand in the runtime's queue in front of
/// whoever is to run next. A handshake that waits for its peer holds no turn.
#[derive(Default)]
pub(crate) struct Turns {
    free: OnceLock<Semaphore>,
}

impl Turns {
    /// Runs `handshake`, each poll of it within a turn of its own.
    pub(crate) async fn take<F: Future>(&self, handshake: F) -> F::Output {
        let free = self.free.get_or_init(|| Semaphore::new(turns()));
        let mut handshake = pin!(handshake);
        loop {
            let mut turn = Some(free.acquire().await);
            // Ready when the handshake is done, or when it was woken after a step.
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

/// Within an attempt there is a runtime. One of a single thread has one turn, and others run
/// between two steps.
fn turns() -> usize {
    let workers = Handle::current().metrics().num_workers();
    workers.saturating_sub(1).max(1)
}
