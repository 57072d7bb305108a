//! A connector whose connections are no sockets.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use keepalive_http::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tower_service::Service;

use super::Peer;

/// Sends the URI and the other end of each connection to a test.
#[derive(Clone)]
pub(crate) struct Pipes {
    asked: mpsc::UnboundedSender<(Uri, Far)>,
    /// The immediate result of a read: the end, or an error.
    outcome: Option<Result<(), &'static str>>,
}

impl Pipes {
    pub(crate) fn new() -> (Self, Fars) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let pipes = Self {
            asked: sender,
            outcome: None,
        };
        (pipes, receiver)
    }

    /// One whose connections can not be read: they are at their end, or fail.
    pub(crate) fn reading(outcome: Result<(), &'static str>) -> (Self, Fars) {
        let (pipes, receiver) = Self::new();
        let outcome = Some(outcome);
        (Self { outcome, ..pipes }, receiver)
    }
}

impl Service<Uri> for Pipes {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Pipe>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (near, far) = tokio::io::duplex(1024);
        let pipe = Pipe {
            io: near,
            outcome: self.outcome,
        };
        let sent = self.asked.send((uri, Far::new(far)));
        let sent = sent.map_err(|_| io::Error::other("the test has ended"));
        ready(sent.map(|()| TokioIo::new(pipe)))
    }
}

/// The URIs that connectors were called with, and the other ends.
pub(crate) type Fars = mpsc::UnboundedReceiver<(Uri, Far)>;

/// The other end of a connection.
pub(crate) type Far = Peer<DuplexStream>;

pub(crate) struct Pipe {
    io: DuplexStream,
    outcome: Option<Result<(), &'static str>>,
}

keepalive_testkit::forward_write!(Pipe, io);

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.outcome {
            Some(outcome) => Poll::Ready(outcome.map_err(io::Error::other)),
            None => Pin::new(&mut self.io).poll_read(context, buffer),
        }
    }
}

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
