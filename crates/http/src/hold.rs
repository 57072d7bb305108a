//! Holds the connection of an exchange until it can be returned.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use keepalive::Lease;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use crate::head::HeadLimits;
use crate::outgoing::Item;
use crate::received::Received;
use crate::{Http, StreamConnector};

// A connection is ready with the end of its response, unless a request that was answered before its
// end is still being sent. That takes as long as its sender.
const A_MOMENT: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(1);

/// A lease that is returned once its exchange is over.
///
/// Dropping it earlier closes the connection, unless the connection is shared. Then only the stream
/// is reset, when hyper's future or body is dropped.
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

    /// The lease, which exists until it is returned.
    pub(crate) fn lease(&mut self) -> &mut Lease<Http<C>> {
        self.lease.as_mut().expect("asked for during the exchange")
    }

    /// Whether the connection may carry several exchanges, or was already returned.
    pub(crate) fn is_shared(&self) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.is_shared())
    }

    /// The limits on body trailers; `None` if hyper's settings replace ours.
    pub(crate) fn limits(&self) -> Option<HeadLimits> {
        self.lease.as_ref().and_then(|lease| lease.limits())
    }

    /// Reads the body of the response.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Received,
    ) -> Poll<Option<Item>> {
        match &mut self.lease {
            Some(lease) => lease.poll_frame(cx, body),
            None => body.poll_alone(cx),
        }
    }

    /// Moves the lease into a new hold.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            lease: self.lease.take(),
            patience: self.patience.take(),
        }
    }

    /// Holds the connection until the user has dropped the upgraded protocol's stream.
    pub(crate) fn until_left(mut self) {
        // A response may be awaited outside the runtime, which is no place for an upgrade.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { self.lease().left().await });
        }
    }

    /// Returns the connection, after the response has ended; ready when that is done.
    ///
    /// It is returned only when it takes the next request at once (H5), and closed if it never will.
    /// If that is open for a moment, a task continues to wait.
    pub(crate) fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.poll_reusable_within(A_MOMENT, cx)) {
            Some(reusable) => self.end(reusable),
            None => self.take().free_later(),
        }
        Poll::Ready(())
    }

    /// Whether it turns out in time that the connection takes another request.
    pub(crate) fn poll_reusable_soon(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let reusable = ready!(self.poll_reusable_within(PATIENCE, cx));
        Poll::Ready(reusable.unwrap_or(false))
    }

    fn poll_reusable_within(&mut self, time: Duration, cx: &mut Context<'_>) -> Poll<Option<bool>> {
        let reusable = match self.poll_reusable(cx) {
            Poll::Ready(reusable) => Some(reusable),
            Poll::Pending => {
                // A body may be read outside the runtime, where timers do not work.
                if self.patience.is_some() || Handle::try_current().is_ok() {
                    let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(time)));
                    ready!(patience.as_mut().poll(cx));
                }
                None
            }
        };
        self.patience = None;
        Poll::Ready(reusable)
    }

    /// Waits in a task until the connection takes another request, and returns it; closes it if that
    /// takes too long.
    fn free_later(mut self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let reusable = poll_fn(|cx| self.poll_reusable_soon(cx)).await;
                self.end(reusable);
            });
        }
    }

    /// Waits until it is known whether the connection takes another request.
    pub(crate) fn poll_reusable(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match &mut self.lease {
            Some(lease) => lease.poll_ready(cx),
            None => Poll::Ready(false),
        }
    }

    /// Returns the connection if it can be reused, and closes it otherwise.
    pub(crate) fn end(&mut self, reusable: bool) {
        match self.lease.take() {
            Some(lease) if reusable => lease.free(),
            Some(lease) => lease.close(),
            None => {}
        }
    }

    /// Ends the exchange early.
    pub(crate) fn break_off(&mut self) {
        match self.lease.take() {
            Some(lease) if lease.is_shared() => lease.free(),
            Some(lease) => lease.close(),
            None => {}
        }
    }
}

impl<C: StreamConnector> Drop for Hold<C> {
    fn drop(&mut self) {
        self.break_off();
    }
}
