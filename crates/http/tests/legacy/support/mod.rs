//! A connector of hyper-util's kind that counts its open and closed connections.

pub(crate) mod pipe;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive::Counts;
use keepalive_http::legacy::connect::{Connected, Connection};
use keepalive_http::legacy::{Builder, Client, Error, ResponseFuture};
use tokio::net::TcpStream;
use tokio::sync::watch;
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
            let tcp = TcpStream::connect(place).await?;
            Ok(TokioIo::new(ToldTcp { tcp, open }))
        })
    }
}

pub(crate) type ToldStream = TokioIo<ToldTcp>;

pub(crate) struct ToldTcp {
    tcp: TcpStream,
    open: Open,
}

keepalive_testkit::forward_io!(ToldTcp, tcp);

impl Connection for ToldTcp {
    fn connected(&self) -> Connected {
        (self.open.0.describe)(self.tcp.connected())
    }
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

/// A client, its connector, and the only server that it asks.
pub(crate) struct Pair {
    pub(crate) server: Server,
    pub(crate) connector: Told,
    pub(crate) client: Client<Told, Empty<Bytes>>,
}

impl Pair {
    pub(crate) async fn start() -> Self {
        Self::of(&builder()).await
    }

    pub(crate) async fn of(builder: &Builder) -> Self {
        Self::with(builder, Told::new()).await
    }

    pub(crate) async fn with(builder: &Builder, connector: Told) -> Self {
        Self {
            server: Server::start().await,
            client: builder.build(connector.clone()),
            connector,
        }
    }

    /// A GET.
    pub(crate) fn ask(&self) -> ResponseFuture {
        self.client.request(get(self.server.uri("/a")))
    }

    /// A GET on a new connection, which the server answers so.
    pub(crate) async fn get(&self, answer: impl AsRef<str>) -> (Outcome, Peer) {
        exchange(self.ask(), self.server.serve(answer)).await
    }

    /// A GET on this connection, which the server answers so.
    pub(crate) async fn get_on(&self, peer: &mut Peer, answer: impl AsRef<str>) -> Outcome {
        exchange(self.ask(), peer.serve(answer)).await.0
    }

    /// An idle connection that has served a GET.
    pub(crate) async fn used(&self) -> Peer {
        let (response, peer) = self.get(ok("a body")).await;
        assert_eq!(text(response.unwrap()).await, "a body");
        self.until("it is given back", |total| total.idle == 1)
            .await;
        peer
    }

    pub(crate) fn totals(&self) -> Counts {
        self.client.manager().unwrap().totals()
    }

    /// Waits until the totals of the manager are so.
    pub(crate) async fn until(&self, condition: &str, holds: impl Fn(&Counts) -> bool) {
        eventually(condition, || holds(&self.totals())).await;
    }
}

pub(crate) type Outcome = Result<Response<Incoming>, Error>;

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
