//! A leased connection.

use std::fmt;
use std::io::{self, IoSlice};
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use keepalive_engine::{FromCache, RequestId, Timing};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::api::host::Host;
use crate::connect::Connector;
use crate::connect::net::NetConnector;
use crate::driver::anchor::Anchor;
use crate::driver::live::Live;
use crate::sync::Arc;

/// A connection in use, exclusively or as a handle of a shared one, until the lease ends.
///
/// The lease implements [`AsyncRead`] and [`AsyncWrite`] where the connection does, and
/// dereferences to the connection.
///
/// [`free`](Self::free) gives the connection back for reuse. Dropping the lease closes the
/// connection instead, also during a panic, because nobody else may continue a broken-off exchange.
/// Forgetting the lease (`std::mem::forget`) keeps its slot for ever.
#[must_use = "dropping it closes the connection"]
pub struct Lease<C: Connector = NetConnector> {
    /// `Some` until the lease ends.
    live: Option<Box<Live<C>>>,
    anchor: Arc<Anchor<C>>,
    /// Whether the user has shut down its side of the connection.
    ended: bool,
}

impl<C: Connector> Lease<C> {
    pub(crate) fn new(anchor: Arc<Anchor<C>>, live: Box<Live<C>>) -> Self {
        Self {
            live: Some(live),
            anchor,
            ended: false,
        }
    }

    /// The request that this answers.
    pub fn id(&self) -> RequestId {
        self.live().request
    }

    /// The host of the connection.
    pub fn host(&self) -> &Host {
        &self.live().host
    }

    /// Whether the connection was idle or came from another user; `None` if it is new and has had
    /// no other user.
    pub fn from_cache(&self) -> Option<FromCache> {
        self.live().from_cache
    }

    /// The time from the request to this answer, by phase.
    pub fn timing(&self) -> Timing {
        self.anchor.driver.timing(self.id()).unwrap_or_default()
    }

    /// Gives the connection back for reuse.
    ///
    /// Call it when the exchange is complete on both sides. The connection is kept only if it is
    /// still open on both sides and no unread data has arrived. Otherwise it is closed, and its
    /// slot is free at once.
    pub fn free(mut self) {
        if !self.ended
            && let Some(live) = self.live.take()
        {
            self.anchor.driver.give_back(live);
        }
    }

    /// Closes the connection; dropping the lease has the same effect.
    pub fn close(self) {
        drop(self);
    }

    fn live(&self) -> &Live<C> {
        self.live.as_ref().expect(HELD)
    }

    fn live_mut(&mut self) -> &mut Live<C> {
        self.live.as_mut().expect(HELD)
    }
}

const HELD: &str = "a lease has its connection until it ends";

impl<C: Connector> Drop for Lease<C> {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            self.anchor.driver.close(live);
        }
    }
}

impl<C: Connector> Deref for Lease<C> {
    type Target = C::Connection;

    fn deref(&self) -> &C::Connection {
        &self.live().io
    }
}

impl<C: Connector> DerefMut for Lease<C> {
    fn deref_mut(&mut self) -> &mut C::Connection {
        &mut self.live_mut().io
    }
}

/// The lease never pins the connection, which has a box of its own.
impl<C: Connector> Unpin for Lease<C> {}

impl<C: Connector> AsyncRead for Lease<C>
where
    C::Connection: AsyncRead + Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.live_mut().io).poll_read(context, buffer)
    }
}

impl<C: Connector> AsyncWrite for Lease<C>
where
    C::Connection: AsyncWrite + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.live_mut().io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.live_mut().io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        Pin::new(&mut self.live_mut().io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.live_mut().io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.live().io.is_write_vectored()
    }
}

impl<C: Connector> fmt::Debug for Lease<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("id", &self.id())
            .field("host", self.host())
            .field("from_cache", &self.from_cache())
            .field("timing", &self.timing())
            .finish_non_exhaustive()
    }
}
