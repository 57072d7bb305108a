//! The connection of an exchange, held until it can be given back.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use keepalive::Lease;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use crate::head::HeadLimits;
use crate::{Http, StreamConnector};

// An upload that was answered before its end takes as long as whoever sends it.
const A_MOMENT: Duration = Duration::from_millis(10);
// Otherwise hyper takes microseconds from the end of a body to being ready again, and longer only
// where the machine has no time for its task.
const PATIENCE: Duration = Duration::from_secs(1);

/// A lease that is given back once its exchange is over.
///
/// Dropping it before closes the connection, unless others have exchanges on it too: there, the
/// stream alone is reset, by whoever drops what hyper has given for it.
pub(crate) struct Hold<C: StreamConnector> {
    lease: Option<Lease<Http<C>>>,
    /// Whether the body of the request may be under way still when the response has ended.
    uploads: bool,
    patience: Option<Pin<Box<Sleep>>>,
}

impl<C: StreamConnector> Hold<C> {
    pub(crate) fn new(lease: Lease<Http<C>>) -> Self {
        Self {
            lease: Some(lease),
            uploads: false,
            patience: None,
        }
    }

    /// The body of the request may take longer than the response.
    pub(crate) fn uploads(&mut self, uploads: bool) {
        self.uploads = uploads;
    }

    /// The lease, which is there until it is given back.
    pub(crate) fn lease(&mut self) -> &mut Lease<Http<C>> {
        self.lease.as_mut().expect("asked for during the exchange")
    }

    /// Whether others may have exchanges on the connection, or it has been given back.
    pub(crate) fn is_shared(&self) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.is_shared())
    }

    /// What the trailers of its body may cost, if that is ours to say.
    pub(crate) fn limits(&self) -> Option<HeadLimits> {
        self.lease.as_ref().and_then(|lease| lease.limits())
    }

    /// What is held, to be held elsewhere.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            lease: self.lease.take(),
            uploads: self.uploads,
            patience: self.patience.take(),
        }
    }

    /// Holds the connection for as long as anybody speaks the protocol that it was upgraded to.
    pub(crate) fn until_left(mut self) {
        // A response may be awaited outside the runtime, which is no place for an upgrade.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { self.lease().left().await });
        }
    }

    /// Gives the connection back, after the response has ended; ready when that is done.
    ///
    /// It goes back only when it takes the next request at once (H5), and is closed if hyper says
    /// that it never will. If hyper says nothing for a moment, a task goes on waiting.
    pub(crate) fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let time = match self.uploads {
            true => A_MOMENT,
            false => PATIENCE,
        };
        match ready!(self.poll_reusable_within(time, cx)) {
            Some(reusable) => self.end(reusable),
            None => self.take().free_later(),
        }
        Poll::Ready(())
    }

    /// Whether the connection takes another request, if hyper says so in time.
    pub(crate) fn poll_reusable_soon(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let reusable = ready!(self.poll_reusable_within(PATIENCE, cx));
        Poll::Ready(reusable.unwrap_or(false))
    }

    fn poll_reusable_within(&mut self, time: Duration, cx: &mut Context<'_>) -> Poll<Option<bool>> {
        let reusable = match self.poll_reusable(cx) {
            Poll::Ready(reusable) => Some(reusable),
            Poll::Pending => {
                ready!(self.poll_patience(time, cx));
                None
            }
        };
        self.patience = None;
        Poll::Ready(reusable)
    }

    /// Gives the connection back when hyper says that it takes another request, and closes it if
    /// that is not soon. It does so in a task of its own.
    fn free_later(mut self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let reusable = poll_fn(|cx| self.poll_reusable_soon(cx)).await;
                self.end(reusable);
            });
        }
    }

    /// Whether the connection takes another request, as soon as hyper says so.
    pub(crate) fn poll_reusable(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match &mut self.lease {
            Some(lease) => lease.poll_ready(cx),
            None => Poll::Ready(false),
        }
    }

    /// Gives the connection back if it can be used again, and closes it otherwise.
    pub(crate) fn end(&mut self, reusable: bool) {
        match self.lease.take() {
            Some(lease) if reusable => lease.free(),
            Some(lease) => lease.close(),
            None => {}
        }
    }

    /// Ends the exchange before its time.
    pub(crate) fn break_off(&mut self) {
        match self.lease.take() {
            Some(lease) if lease.is_shared() => lease.free(),
            Some(lease) => lease.close(),
            None => {}
        }
    }

    fn poll_patience(&mut self, time: Duration, cx: &mut Context<'_>) -> Poll<()> {
        if self.patience.is_none() {
            // A body may be read outside the runtime, where no timer can be had.
            if Handle::try_current().is_err() {
                return Poll::Ready(());
            }
            self.patience = Some(Box::pin(tokio::time::sleep(time)));
        }
        match &mut self.patience {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Ready(()),
        }
    }
}

impl<C: StreamConnector> Drop for Hold<C> {
    fn drop(&mut self) {
        self.break_off();
    }
}
