//! The connector's stream, taken back from a connection that has changed its protocol.

use std::fmt;

use hyper::body::Bytes;
use hyper::rt::{Read, Write};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::Transport;
use crate::io::Shared;

/// Takes the connector's stream out of a connection that has changed its protocol, whether it
/// [counts](crate::legacy::Builder::count_upgraded) or not.
///
/// For a connection that does not count, [`Upgraded::downcast`] does the same.
///
/// # Errors
///
/// If the stream has another type, or the connection is HTTP/2: the error holds the connection,
/// unchanged. If the connection was closed because its runtime has ended: the error is `None`.
///
/// # Examples
///
/// ```no_run
/// use hyper_util::rt::TokioIo;
/// use keepalive_http::legacy::connect::{Parts, downcast};
/// use tokio::net::TcpStream;
///
/// # async fn example(response: http::Response<hyper::body::Incoming>) -> hyper::Result<()> {
/// let upgraded = hyper::upgrade::on(response).await?;
/// if let Ok(Parts { io, read_buf, permit, .. }) = downcast::<TokioIo<TcpStream>>(upgraded) {
///     // `read_buf` was read already; drop `permit` after `io`.
/// }
/// # Ok(())
/// # }
/// ```
pub fn downcast<T>(upgraded: Upgraded) -> Result<Parts<T>, Option<Upgraded>>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let upgraded = match upgraded.downcast::<T>() {
        Ok(parts) => {
            return Ok(Parts {
                io: parts.io,
                read_buf: parts.read_buf,
                permit: Permit { _shared: None },
            });
        }
        Err(upgraded) => upgraded,
    };
    let parts = upgraded.downcast::<TokioIo<Shared<Transport<T>>>>()?;
    let shared = parts.io.into_inner();
    let io = shared.take().and_then(|mut transport| transport.take_io());
    Ok(Parts {
        io: io.ok_or(None)?,
        read_buf: parts.read_buf,
        permit: Permit {
            _shared: Some(Box::new(shared)),
        },
    })
}

/// The parts of a connection that has changed its protocol.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts<T> {
    /// The stream that the connector opened.
    pub io: T,
    /// Bytes that were already read from the stream.
    pub read_buf: Bytes,
    /// Makes the connection count under the limits of its manager, if it counts.
    pub permit: Permit,
}

/// Keeps a connection under the limits of its manager until dropped.
#[must_use = "the connection counts no longer once this is dropped"]
pub struct Permit {
    _shared: Option<Box<dyn Send>>,
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Permit")
    }
}
