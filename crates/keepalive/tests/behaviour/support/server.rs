//! Peers on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use std::{fmt, io};

use keepalive::Request;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast;

use super::{Gauge, ask};

/// A server that answers each line with the same line. Some lines mean more:
///
/// - `who`: the answer is the client's address,
/// - `bye`: the server answers, and closes the connection,
/// - `twice`: the server answers twice, in one write.
pub(crate) type Server = Serving<Order>;

/// A server on a thread of its own, which passes orders on to all its connections.
pub(crate) struct Serving<O> {
    /// The connections, as the server sees them: accepted, and not yet seen to close.
    pub(crate) connections: Gauge,
    address: SocketAddr,
    orders: broadcast::Sender<O>,
    runtime: Option<Runtime>,
}

/// An action of a server on all its connections.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    Close,
    SendByte,
}

impl<O: Clone + Send + 'static> Serving<O> {
    /// Begins to serve each connection. Fails if the address is in use.
    pub(crate) fn begin<F>(
        address: SocketAddr,
        serve: impl Fn(TcpStream, broadcast::Receiver<O>) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (connections, orders) = (Gauge::default(), broadcast::channel(64).0);
        let (gauge, subscriptions) = (connections.clone(), orders.clone());
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                // The subscription comes first: a test may send an order once it sees the entry.
                let serving = serve(stream, subscriptions.subscribe());
                let entered = gauge.enter();
                tokio::spawn(async move {
                    let _entered = entered;
                    serving.await;
                });
            }
        });
        Ok(Self {
            connections,
            address,
            orders,
            runtime: Some(runtime),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn order(&self, order: O) {
        assert!(self.orders.send(order).is_ok(), "nobody is connected");
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::on((Ipv4Addr::LOCALHOST, 0).into())
    }

    pub(crate) fn on(address: SocketAddr) -> Self {
        Self::try_on(address).expect("an address to listen on")
    }

    /// Fails if the address is in use.
    pub(crate) fn try_on(address: SocketAddr) -> io::Result<Self> {
        Self::begin(address, |stream, orders| async move {
            let client = stream.peer_addr().map(|client| client.to_string());
            answer_lines(stream, client.unwrap_or_default(), orders).await;
        })
    }

    /// A request of plain TCP to this server.
    pub(crate) fn request(&self) -> Request {
        self.request_at(self.address.ip())
    }

    /// The same by another address or name; each is a host of its own.
    pub(crate) fn request_at(&self, address: impl fmt::Display) -> Request {
        Request::new("test", address.to_string(), self.port()).expect("a request")
    }

    /// Closes all connections. When it returns, this runtime's reactor has received the events
    /// of the close, since it receives events in order and one more has come after them.
    pub(crate) async fn close_all(&self) {
        self.order(Order::Close);
        self.connections.until(|tally| tally.now == 0).await;
        let stream = TcpStream::connect(self.address).await;
        ask(&mut stream.expect("the server listens"), "who").await;
        self.connections.until(|tally| tally.now == 0).await;
    }

    /// Waits until the server has seen so many connections close.
    pub(crate) async fn closed(&self, count: usize) {
        self.connections.until(|tally| tally.gone >= count).await;
    }
}

impl<O> Drop for Serving<O> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Serves one connection until the client closes it, or an order does.
async fn answer_lines(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    client: String,
    mut orders: broadcast::Receiver<Order>,
) {
    let mut lines = BufReader::new(stream).lines();
    loop {
        let (reply, close) = tokio::select! {
            line = lines.next_line() => match line.ok().flatten().as_deref() {
                None => return,
                Some("who") => (format!("{client}\n"), false),
                Some("bye") => ("bye\n".to_owned(), true),
                Some("twice") => ("twice\n".repeat(2), false),
                Some(line) => (format!("{line}\n"), false),
            },
            order = orders.recv() => match order {
                Ok(Order::SendByte) => ("!".to_owned(), false),
                Ok(Order::Close) | Err(_) => return,
            },
        };
        let sent = lines.get_mut().write_all(reply.as_bytes()).await;
        if close || sent.is_err() {
            return;
        }
    }
}

/// A port that refuses: bound, so that no other socket gets it, and not listening.
pub(crate) struct Refusing(TcpSocket);

impl Refusing {
    pub(crate) fn new() -> Self {
        Self(bound((Ipv4Addr::LOCALHOST, 0).into()))
    }

    pub(crate) fn request(&self) -> Request {
        let address = self.0.local_addr().expect("bound");
        Request::new("test", address.ip().to_string(), address.port()).expect("a request")
    }
}

/// A peer that never answers: it does not accept, and its queue is full.
pub(crate) struct Silent {
    listener: TcpListener,
    queue: Vec<TcpStream>,
}

impl Silent {
    pub(crate) async fn start() -> Self {
        Self::on((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    pub(crate) async fn on(address: SocketAddr) -> Self {
        let listener = bound(address).listen(1).expect("a listener");
        let address = listener.local_addr().expect("bound");
        let mut queue = Vec::new();
        while let Ok(stream) =
            tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
        {
            queue.push(stream.expect("room in the queue"));
        }
        Self { listener, queue }
    }

    /// Accepts all that is in the queue.
    pub(crate) async fn makes_room(&self) {
        for _ in &self.queue {
            self.listener.accept().await.expect("a connection");
        }
    }

    pub(crate) fn request(&self) -> Request {
        let address = self.listener.local_addr().expect("bound");
        Request::new("test", address.ip().to_string(), address.port()).expect("a request")
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.expect("a socket");
    socket.bind(address).expect("a free port");
    socket
}
