//! Who computes: a handshake is heavy, and there may be very many at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::Semaphore;

/// Lets one handshake of a manager compute at a time, each for one step, in order of arrival.
///
/// A step is some hundred microseconds of arithmetic that nothing interrupts. Without turns, a
/// thousand handshakes that are ready at once would all stand in the runtime's queue in front of
/// whoever is to run next. A handshake that waits for its peer holds no turn.
pub(crate) struct Turns {
    free: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            free: Semaphore::new(1),
        }
    }
}

impl Turns {
    /// Runs `handshake`, each poll of it within a turn of its own.
    pub(crate) async fn take<F: Future>(&self, handshake: F) -> F::Output {
        let mut handshake = pin!(handshake);
        loop {
            let mut turn = Some(self.free.acquire().await);
            // Ready when the handshake is done, or when it was woken after a step.
            let step = poll_fn(|context| match turn.take() {
                Some(_turn) => handshake.as_mut().poll(context).map(Some),
                None => Poll::Ready(None),
            });
            if let Some(output) = step.await {
                return output;
            }
        }
    }
}
