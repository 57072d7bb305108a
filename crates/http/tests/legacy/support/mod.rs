//! A connector of hyper-util's kind that counts its open and closed connections.

pub(crate) mod pipe;

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::rt::ReadBufCursor;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive_http::legacy::connect::{Connected, Connection};
use keepalive_http::legacy::{Builder, Client};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tower_service::Service;

pub(crate) use keepalive_testkit::http_server::{Peer, Server, eventually, exchange, ok, within};

/// Opens TCP connections, and counts how many it has opened and how many are gone.
#[derive(Clone)]
pub(crate) struct Told {
    opened: Arc<AtomicUsize>,
    closed: watch::Sender<usize>,
    most: Arc<AtomicUsize>,
    describe: fn(Connected) -> Connected,
}

impl Told {
    pub(crate) fn new() -> Self {
        Self {
            opened: Arc::default(),
            closed: watch::Sender::new(0),
            most: Arc::default(),
            describe: |connected| connected,
        }
    }

    pub(crate) fn describing(describe: fn(Connected) -> Connected) -> Self {
        Self {
            describe,
            ..Self::new()
        }
    }

    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    pub(crate) fn closed(&self) -> usize {
        *self.closed.borrow()
    }

    /// The largest number of connections at one time.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// Waits until so many connections are gone.
    pub(crate) async fn until_closed(&self, connections: usize) {
        let mut closed = self.closed.subscribe();
        let enough = closed.wait_for(|&closed| closed >= connections);
        within(enough).await.unwrap();
    }
}

impl Service<Uri> for Told {
    type Response = ToldStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<ToldStream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let place = (uri.host().unwrap().to_owned(), uri.port_u16().unwrap_or(80));
        let open = Open::new(self);
        Box::pin(async move {
            let tcp = TokioIo::new(TcpStream::connect(place).await?);
            Ok(ToldStream { tcp, open })
        })
    }
}

pub(crate) struct ToldStream {
    tcp: TokioIo<TcpStream>,
    open: Open,
}

/// Counts as open until it is dropped, from the first attempt.
struct Open(Told);

impl Open {
    fn new(told: &Told) -> Self {
        let opened = told.opened.fetch_add(1, Ordering::SeqCst) + 1;
        let open = opened.saturating_sub(told.closed());
        told.most.fetch_max(open, Ordering::SeqCst);
        Self(told.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed.send_modify(|closed| *closed += 1);
    }
}

impl Connection for ToldStream {
    fn connected(&self) -> Connected {
        (self.open.0.describe)(self.tcp.connected())
    }
}

impl hyper::rt::Read for ToldStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for ToldStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(context, slices)
    }
}

/// The body of a request, which comes piece by piece.
pub(crate) struct Pieces(pub(crate) mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// A builder as most users of hyper-util begin.
pub(crate) fn builder() -> Builder {
    Client::builder(TokioExecutor::new())
}

pub(crate) fn client(connector: &Told) -> Client<Told, Empty<Bytes>> {
    builder().build(connector.clone())
}

pub(crate) fn get(uri: Uri) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    let body = within(response.into_body().collect()).await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}
