//! Connections that are pipes within the process: written bytes can be read at once.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use keepalive::{Attempt, ConnectError, Connection, Connector, Unusable};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc;

/// Opens pipes, and sends away their other ends.
pub(crate) struct Wire {
    ends: mpsc::UnboundedSender<DuplexStream>,
    /// The bytes that the other ends send first.
    greeting: Vec<u8>,
}

impl Wire {
    /// It, and where the other ends arrive.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<DuplexStream>) {
        let (ends, server) = mpsc::unbounded_channel();
        let greeting = Vec::new();
        (Self { ends, greeting }, server)
    }

    pub(crate) fn greeting(self, greeting: Vec<u8>) -> Self {
        Self { greeting, ..self }
    }
}

impl Connector for Wire {
    type Connection = Pipe;

    async fn connect(&self, _: &Attempt) -> Result<Pipe, ConnectError> {
        let (ours, mut theirs) = duplex(1024);
        theirs.write_all(&self.greeting).await.unwrap();
        self.ends.send(theirs).unwrap();
        Ok(Pipe(ours))
    }
}

pub(crate) struct Pipe(DuplexStream);

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
