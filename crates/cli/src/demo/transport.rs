//! A socket of tokio as hyper's servers want it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A request of the demonstration is much smaller.
const READ: usize = 2048;

/// Reads through a small buffer of its own, which spares the unsafe way into hyper's.
#[derive(Debug)]
pub(super) struct Transport(TcpStream);

impl Transport {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(stream)
    }
}

impl hyper::rt::Read for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; READ];
        let room = into.remaining().min(READ);
        let mut buffer = ReadBuf::new(&mut bytes[..room]);
        let read = Pin::new(&mut self.0).poll_read(cx, &mut buffer);
        if let Poll::Ready(Ok(())) = read {
            into.put_slice(buffer.filled());
        }
        read
    }
}

impl hyper::rt::Write for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
