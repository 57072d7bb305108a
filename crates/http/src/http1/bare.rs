//! HTTP/1.1 directly on the connector's stream, in place of our own wrapper of it.
//!
//! An upgraded connection holds the stream on which hyper ran HTTP, and
//! [`Upgraded::downcast`](hyper::upgrade::Upgraded::downcast) does not look inside a wrapper. Any
//! response may be an upgrade, so hyper gets the stream itself from the start.

use std::future::Future;
use std::pin::Pin;

use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, Write};

use crate::outgoing::Outgoing;

use super::drive::Half;

/// Takes the stream out of a transport, if it is there, and starts HTTP on it.
pub(crate) type Bare<T> = fn(&mut T, Builder) -> Option<Handshake>;

/// A future of hyper's two halves.
pub(crate) type Handshake =
    Pin<Box<dyn Future<Output = hyper::Result<(SendRequest<Outgoing>, Half)>> + Send>>;

/// Starts HTTP with these settings on this stream.
pub(crate) fn handshake<S>(builder: Builder, stream: S) -> Handshake
where
    S: Read + Write + Unpin + Send + 'static,
{
    Box::pin(async move {
        let (sender, connection) = builder.handshake(stream).await?;
        let half: Half = Box::pin(connection.with_upgrades());
        Ok((sender, half))
    })
}
