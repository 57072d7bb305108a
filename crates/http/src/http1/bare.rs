//! HTTP/1.1 on the stream that a connector opened, in place of our own wrapper of it.
//!
//! What hyper gives to whoever upgrades a connection is what it was given to speak HTTP on, and
//! [`Upgraded::downcast`](hyper::upgrade::Upgraded::downcast) finds nothing within a wrapper. So a
//! request that may end HTTP is sent by a second hyper, which has the stream itself. Nothing is lost
//! between the two: no exchange has begun, and no byte has been read.

use std::future::Future;
use std::pin::Pin;

use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, Write};
use keepalive::{Connection, Unusable};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Http1;
use crate::outgoing::{BoxError, Outgoing};

/// Begins to speak HTTP on the stream within a transport.
pub(crate) type Bare<T> = Box<dyn FnOnce(T) -> Handshake + Send + Sync>;

type Handshake = Pin<Box<dyn Future<Output = hyper::Result<(SendRequest<Outgoing>, Task)>> + Send>>;
type Task = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Begins with these settings, on what is taken out of the transport.
pub(crate) fn bare<T, S>(
    builder: Builder,
    stream: impl Fn(T) -> S + Send + Sync + 'static,
) -> Bare<T>
where
    S: Read + Write + Unpin + Send + 'static,
{
    Box::new(move |transport| {
        let stream = stream(transport);
        Box::pin(async move {
            let (sender, connection) = builder.handshake(stream).await?;
            let task: Task = Box::pin(connection.with_upgrades());
            Ok((sender, task))
        })
    })
}

/// Who has the stream.
pub(super) struct Stream<T> {
    /// What gives it to hyper for the next request.
    next: Option<Bare<T>>,
    is_bare: bool,
}

impl<T> Stream<T> {
    /// Whether hyper is to have it for the next request.
    pub(super) fn is_wanted(&self) -> bool {
        self.next.is_some()
    }

    /// Whether hyper has it, and nobody else.
    pub(super) fn is_bare(&self) -> bool {
        self.is_bare
    }
}

impl<T> Default for Stream<T> {
    fn default() -> Self {
        Self {
            next: None,
            is_bare: false,
        }
    }
}

impl<T> Http1<T>
where
    T: Connection + AsyncRead + AsyncWrite + Unpin,
{
    /// The next request is sent on the stream itself, and none after it.
    pub(crate) fn unwrap_for_next(&mut self, bare: Bare<T>) {
        self.stream.next = Some(bare);
    }

    /// Begins anew on the stream itself, if that is wanted.
    ///
    /// If the future is dropped before it is ready, the connection must be closed.
    pub(super) async fn begin_bare(&mut self) -> Result<(), BoxError> {
        let Some(bare) = self.stream.next.take() else {
            return Ok(());
        };
        let transport = self.shared.take();
        let transport = transport.ok_or_else(|| Unusable::Closed.to_string())?;
        self.stream.is_bare = true;
        self.task.abort();
        let (sender, task) = bare(transport).await?;
        self.sender = Some(sender);
        self.task = self.runtime.spawn(task);
        self.ended = false;
        self.tried().await
    }
}
