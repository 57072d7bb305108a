//! HTTP/1.1 on the stream that a connector opened, in place of our own wrapper of it.
//!
//! What hyper gives to whoever upgrades a connection is what it speaks HTTP on, and
//! [`Upgraded::downcast`](hyper::upgrade::Upgraded::downcast) finds nothing within a wrapper. Any
//! answer may be an upgrade, so hyper has the stream itself from the beginning.

use std::future::Future;
use std::pin::Pin;

use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, Write};

use crate::outgoing::Outgoing;

/// Takes the stream out of a transport, if it is there, and begins to speak HTTP on it.
pub(crate) type Bare<T> = fn(&mut T, Builder) -> Option<Handshake>;

/// hyper's two halves, as they are to be.
pub(crate) type Handshake =
    Pin<Box<dyn Future<Output = hyper::Result<(SendRequest<Outgoing>, Task)>> + Send>>;

type Task = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Begins with these settings on this stream.
pub(crate) fn handshake<S>(builder: Builder, stream: S) -> Handshake
where
    S: Read + Write + Unpin + Send + 'static,
{
    Box::pin(async move {
        let (sender, connection) = builder.handshake(stream).await?;
        let task: Task = Box::pin(connection.with_upgrades());
        Ok((sender, task))
    })
}
