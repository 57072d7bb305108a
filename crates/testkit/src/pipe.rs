//! A connection within the process, which never becomes unusable by itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use keepalive::{Connection, Unusable};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

pub struct Pipe(pub DuplexStream);

impl Connection for Pipe {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
