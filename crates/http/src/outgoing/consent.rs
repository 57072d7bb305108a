//! Waits for a 100 response before a body is sent (RFC 9110, section 10.1.1).

use std::future::{self, Future};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// Lets a body through, for the reader of the responses. Dropping it stops the body.
pub(crate) type Gate = oneshot::Sender<()>;

/// The wait for the server's consent to a body.
pub(super) struct Consent {
    /// `Some` until the request is sent.
    pub(super) gate: Option<Gate>,
    wait: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Consent {
    pub(super) fn new(time: Duration) -> Self {
        let (gate, opened) = oneshot::channel();
        Self {
            gate: Some(gate),
            wait: Box::pin(async move {
                if let Ok(Err(_stopped)) = timeout(time, opened).await {
                    future::pending::<()>().await;
                }
            }),
        }
    }

    /// Waits until the server sends a 100, or the time is over; for ever, if a final response came
    /// first. The time begins with the first poll, after the head of the request.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.wait.as_mut().poll(context)
    }
}
