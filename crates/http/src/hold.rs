//! The connection of an exchange, held until it can be given back.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use keepalive::Lease;
use keepalive_engine::planted;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use crate::{Http, StreamConnector};

// hyper takes microseconds from the end of a body to being ready again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A lease that is given back once its exchange is over; dropping it before closes the connection.
pub(crate) struct Hold<C: StreamConnector> {
    lease: Option<Lease<Http<C>>>,
    patience: Option<Pin<Box<Sleep>>>,
}

impl<C: StreamConnector> Hold<C> {
    pub(crate) fn new(lease: Lease<Http<C>>) -> Self {
        Self {
            lease: Some(lease),
            patience: None,
        }
    }

    /// Gives the connection back, after the response has ended; ready when that is done.
    ///
    /// It goes back only when it takes the next request at once (B16), and is closed if hyper says
    /// that it never will, or does not say in time.
    pub(crate) fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(lease) = &mut self.lease else {
            return Poll::Ready(());
        };
        let reusable = match lease.poll_ready(cx) {
            Poll::Ready(reusable) => reusable,
            Poll::Pending if planted!(ReusedBeforeReady) => true,
            Poll::Pending => {
                ready!(self.poll_patience(cx));
                false
            }
        };
        if let Some(lease) = self.lease.take() {
            if reusable {
                lease.free();
            } else {
                lease.close();
            }
        }
        self.patience = None;
        Poll::Ready(())
    }

    /// Closes the connection.
    pub(crate) fn close(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.close();
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.patience.is_none() {
            // A body may be read outside the runtime, where no timer can be had.
            if Handle::try_current().is_err() {
                return Poll::Ready(());
            }
            self.patience = Some(Box::pin(tokio::time::sleep(PATIENCE)));
        }
        match &mut self.patience {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Ready(()),
        }
    }
}
