//! One HTTP connection.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use http::{Request, Response, Version};
use keepalive::{Connection, NetStream, Unusable};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::exchange::Exchange;
use crate::head::HeadLimits;
use crate::http1::Http1;
use crate::http2::{Http2, Main, Session};
use crate::outgoing::{BoxError, Item, Outgoing};
use crate::received::Received;
use crate::resend::Failure;

/// An HTTP connection: HTTP/1.1 with one exchange at a time, or HTTP/2 with many.
///
/// An HTTP/1.1 connection has no task: the request and the body that use it drive it. While it is
/// idle, its transport is watched ([`poll_unusable`](Connection::poll_unusable)). A task drives an
/// HTTP/2 connection, and reads while it is idle. Both notice within one turn of the event loop that
/// the peer closes the connection, announces that, or sends unexpected data. The transport stays
/// within reach: [`check`](Connection::check) queries the system about it. Closing or dropping the
/// connection takes the transport from hyper, so that the socket is closed before the connection is
/// gone.
///
/// An HTTP/2 connection carries as many leases as the peer's current settings allow, and one until
/// the settings arrive.
pub struct HttpConnection<T = NetStream> {
    pub(crate) speaks: Speaks<T>,
}

pub(crate) enum Speaks<T> {
    One(Box<Http1<T>>),
    /// Owned by its manager.
    Two(Main<T>),
    /// Owned by a lease.
    Stream(Http2<T>),
}

/// The failure of a request without a response.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) error: BoxError,
    pub(crate) failure: Failure,
    /// The body of the request, if no byte of the request was sent.
    pub(crate) unsent: Option<Box<Outgoing>>,
}

impl Unanswered {
    /// A failure that leaves nothing of the body of the request.
    pub(crate) fn new(failure: Failure, why: impl Into<BoxError>) -> Self {
        Self {
            error: why.into(),
            failure,
            unsent: None,
        }
    }

    /// No byte of the request was sent, and the connection takes no other.
    pub(crate) fn unsent(why: BoxError, body: Outgoing) -> Self {
        Self {
            error: why,
            failure: Failure::Unsent,
            unsent: Some(Box::new(body)),
        }
    }
}

impl<T: Connection + AsyncRead + AsyncWrite + Unpin> HttpConnection<T> {
    /// The version of HTTP: 1.1 or 2.
    pub fn version(&self) -> Version {
        match &self.speaks {
            Speaks::One(_) => Version::HTTP_11,
            Speaks::Two(_) | Speaks::Stream(_) => Version::HTTP_2,
        }
    }

    fn session(&self) -> Option<&Session<T>> {
        match &self.speaks {
            Speaks::One(_) => None,
            Speaks::Two(Main { session, .. }) | Speaks::Stream(Http2 { session, .. }) => {
                Some(session)
            }
        }
    }

    /// Calls `look` with the transport, if it is still there.
    #[cfg(feature = "legacy")]
    pub(crate) fn with_transport<R>(&self, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        match &self.speaks {
            Speaks::One(connection) => connection.transport.with(look),
            _ => self.session()?.transport.with(look),
        }
    }

    /// Whether the peer currently allows any exchange, as far as that is known.
    pub(crate) fn has_place(&self) -> bool {
        match &self.speaks {
            Speaks::One(_) | Speaks::Two(_) => true,
            Speaks::Stream(handle) => handle.session.has_place(),
        }
    }

    /// The limits on response heads and body trailers; `None` if hyper's settings replace ours.
    pub(crate) fn limits(&self) -> Option<HeadLimits> {
        match &self.speaks {
            Speaks::One(connection) => connection.limits,
            _ => self.session()?.limits,
        }
    }

    /// Whether the connection may carry several exchanges at the same time.
    pub(crate) fn is_shared(&self) -> bool {
        self.session().is_some()
    }

    /// Begins an exchange of our own, and returns the connection for it, if it and the request
    /// allow that.
    pub(crate) fn begin(&mut self, exchange: &Exchange, body: &Outgoing) -> Option<&mut Http1<T>> {
        match &mut self.speaks {
            Speaks::One(connection) => connection.begin(exchange, body).then_some(connection),
            Speaks::Two(_) | Speaks::Stream(_) => None,
        }
    }

    /// Sends a request and waits for the head of its response. A request is large, so a closure
    /// builds it at its destination.
    ///
    /// If the future is dropped before it is ready, a connection that is not shared must be closed.
    pub(crate) async fn send(
        &mut self,
        request: impl FnOnce() -> Request<Outgoing>,
    ) -> Result<Response<Received>, Unanswered> {
        let response = match &mut self.speaks {
            Speaks::One(connection) => return connection.send(request).await,
            Speaks::Stream(handle) => handle.send(request).await,
            Speaks::Two(connection) => connection.handle().send(request).await,
        };
        response.map(|response| response.map(Received::Hyper))
    }

    /// Reads the body of a response.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Received,
    ) -> Poll<Option<Item>> {
        match &mut self.speaks {
            Speaks::One(connection) => connection.poll_frame(cx, body),
            Speaks::Two(_) | Speaks::Stream(_) => body.poll_alone(cx),
        }
    }

    /// Stops the connection from taking requests, so that the next one goes to another connection.
    pub(crate) fn retire(&self) {
        // One of HTTP/1.1 is closed when its lease ends.
        if let Some(session) = self.session() {
            session.retire();
        }
    }

    /// Waits, after a response that changes the protocol, until its user has dropped the
    /// connection.
    pub(crate) async fn left(&mut self) {
        if let Speaks::One(connection) = &mut self.speaks {
            // The user of the response has the transport, and may end our side.
            connection.transport.keep_open(false);
            poll_fn(|context| connection.poll_left(context)).await;
        }
    }

    /// Waits until none of the exchanges on the connection can continue.
    #[cfg(feature = "legacy")]
    pub(crate) fn poll_transport_dropped(&self, context: &mut Context<'_>) -> Poll<()> {
        match self.session() {
            None => Poll::Ready(()),
            // hyper drops the transport with the last stream.
            Some(session) => session.transport.poll_alone(context),
        }
    }

    /// Waits, after a response, until the connection takes another request; false if it never will.
    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        match &mut self.speaks {
            Speaks::One(connection) => connection.poll_ready(context),
            Speaks::Two(_) => Poll::Ready(true),
            Speaks::Stream(handle) => {
                handle.is_busy = false;
                Poll::Ready(true)
            }
        }
    }
}

impl<T: Connection + AsyncRead + AsyncWrite + Unpin> Connection for HttpConnection<T> {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        match &mut self.speaks {
            Speaks::One(connection) => connection.poll_unusable(context),
            Speaks::Two(connection) => connection.poll_unusable(context),
            Speaks::Stream(_) => Poll::Pending,
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        match &mut self.speaks {
            Speaks::One(connection) => connection.check(),
            Speaks::Two(connection) => connection.check(),
            Speaks::Stream(_) => Ok(()),
        }
    }

    fn capacity(&self) -> usize {
        match &self.speaks {
            Speaks::One(_) | Speaks::Stream(_) => 1,
            Speaks::Two(connection) => connection.capacity(),
        }
    }

    fn is_provisional(&self) -> bool {
        match &self.speaks {
            Speaks::One(_) | Speaks::Stream(_) => false,
            Speaks::Two(connection) => connection.is_provisional(),
        }
    }

    fn share(&self) -> Option<Self> {
        match &self.speaks {
            Speaks::One(_) | Speaks::Stream(_) => None,
            Speaks::Two(connection) => connection.share().map(|handle| Self {
                speaks: Speaks::Stream(handle),
            }),
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.speaks {
            Speaks::One(connection) => connection.poll_close(context),
            Speaks::Two(connection) => connection.poll_close(context),
            Speaks::Stream(_) => Poll::Ready(()),
        }
    }
}

impl<T: Connection + AsyncRead + AsyncWrite + Unpin> fmt::Debug for HttpConnection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnection")
            .field("version", &self.version())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
