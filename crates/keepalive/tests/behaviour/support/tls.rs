//! A TLS server on this machine.

use std::net::Ipv4Addr;
use std::ops::Deref;
use std::sync::Arc;

use keepalive::rustls::ServerConfig;
use keepalive::{Manager, Request, Tls};
pub(crate) use keepalive_testkit::tls::{Authority, Identity};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::server::Serving;
use super::{Gauge, echo};
use held::Held;

/// Answers each line with the same line. Some lines mean more:
///
/// - `sni`: the answer is the name that the client has sent, or `none`,
/// - `alpn`: the answer is the application protocol,
/// - `twice`: the server answers twice, in one write,
/// - `bye`: the server answers, and closes with `close_notify`,
/// - `cut`: the server answers, and closes without `close_notify`.
pub(crate) struct TlsServer {
    serving: Serving<Order>,
    /// The handshakes that it has completed, tickets sent.
    pub(crate) handshakes: Gauge,
    /// The connections whose clients have sent `close_notify`.
    pub(crate) announced: Gauge,
    tickets: Arc<Semaphore>,
}

impl Deref for TlsServer {
    type Target = Serving<Order>;

    fn deref(&self) -> &Serving<Order> {
        &self.serving
    }
}

/// An action of a server on all its connections.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    SendByte,
    /// Changes the keys, which is no data.
    Rekey,
    /// Does so thousands of times: 70 KiB and more.
    RekeyWithoutEnd,
    /// Sends `close_notify`, and closes.
    Close,
}

/// A server whose certificate is good for this machine, and settings that trust it.
pub(crate) fn trusted() -> (TlsServer, Tls) {
    let (authority, server) = server();
    (server, trust(&authority))
}

/// A manager with one idle connection to such a server, on which this line was echoed.
pub(crate) async fn idle_after(line: &str) -> (TlsServer, Manager) {
    let (server, tls) = trusted();
    let manager = Manager::builder().tls(tls).build().expect("settings");
    let lease = manager.allocate(server.request()).await;
    let mut lease = lease.expect("a connection");
    echo(&mut lease, line).await;
    lease.free();
    (server, manager)
}

/// Such a server, and the authority that signed its certificate.
pub(crate) fn server() -> (Authority, TlsServer) {
    let authority = Authority::root("test root");
    let identity = authority.issue(&["localhost", "127.0.0.1"]);
    let server = TlsServer::start(identity.config());
    (authority, server)
}

/// The port of a server of this runtime that reads nothing after its handshakes.
pub(crate) async fn deaf(config: ServerConfig) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        let mut deaf = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            deaf.push(acceptor.accept(stream).await);
        }
    });
    port
}

/// Settings that trust this authority.
pub(crate) fn trust(authority: &Authority) -> Tls {
    let tls = Tls::builder().roots_pem(authority.pem()).build();
    tls.expect("settings")
}

impl TlsServer {
    pub(crate) fn start(config: ServerConfig) -> Self {
        Self::start_holding(config, false)
    }

    /// Sends the data after a handshake only once [`send_tickets`](Self::send_tickets) is called.
    pub(crate) fn holding_tickets(config: ServerConfig) -> Self {
        Self::start_holding(config, true)
    }

    fn start_holding(config: ServerConfig, hold: bool) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (handshakes, announced) = (Gauge::default(), Gauge::default());
        let tickets = Arc::new(Semaphore::new(usize::from(!hold)));
        let (handshaken, told) = (handshakes.clone(), announced.clone());
        let gate = Arc::clone(&tickets);
        let serving = Serving::begin((Ipv4Addr::LOCALHOST, 0).into(), move |stream, orders| {
            let accepting = acceptor.accept(Held::new(stream, Arc::clone(&gate)));
            let (handshaken, told) = (handshaken.clone(), told.clone());
            async move {
                let Ok(stream) = accepting.await else { return };
                let _handshake = handshaken.enter();
                if answer_lines(stream, orders).await {
                    drop(told.enter());
                }
            }
        });
        Self {
            serving: serving.expect("a port"),
            handshakes,
            announced,
            tickets,
        }
    }

    pub(crate) fn request(&self) -> Request {
        self.request_at("https", "127.0.0.1")
    }

    pub(crate) fn request_at(&self, scheme: &str, address: &str) -> Request {
        Request::new(scheme, address, self.port()).expect("a request")
    }

    pub(crate) fn send_tickets(&self) {
        self.tickets.add_permits(1);
    }
}

/// Serves one connection. Returns whether the client has sent `close_notify`.
async fn answer_lines<S: AsyncRead + AsyncWrite + Unpin>(
    stream: TlsStream<S>,
    mut orders: broadcast::Receiver<Order>,
) -> bool {
    let text =
        |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let session = stream.get_ref().1;
    let sni = session.server_name().unwrap_or("none").to_owned();
    let alpn = text(session.alpn_protocol()).unwrap_or_default();
    let mut lines = BufReader::new(stream).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let line = match line {
                    Ok(Some(line)) => line,
                    Ok(None) => return true,
                    Err(_) => return false,
                };
                let reply = match &*line {
                    "sni" => format!("{sni}\n"),
                    "alpn" => format!("{alpn}\n"),
                    "twice" => "twice\n".repeat(2),
                    line => format!("{line}\n"),
                };
                let stream = lines.get_mut();
                let sent = stream.write_all(reply.as_bytes()).await;
                if sent.is_err() || stream.flush().await.is_err() || line == "cut" {
                    return false;
                }
                if line == "bye" {
                    let _ = stream.shutdown().await;
                    return false;
                }
            }
            order = orders.recv() => {
                let stream = lines.get_mut();
                match order {
                    Ok(Order::SendByte) => {
                        let _ = stream.write_all(b"!").await;
                    }
                    Ok(Order::Rekey) => rekey(stream.get_mut(), 1),
                    Ok(Order::RekeyWithoutEnd) => rekey(stream.get_mut(), 3000),
                    Ok(Order::Close) | Err(_) => {
                        let _ = stream.shutdown().await;
                        return false;
                    }
                }
                let _ = stream.flush().await;
            }
        }
    }
}

fn rekey<S>(stream: &mut TlsStream<S>, times: usize) {
    let session = stream.get_mut().1;
    for _ in 0..times {
        session.refresh_traffic_keys().expect("TLS 1.3");
    }
}

mod held {
    use std::io::{self, IoSlice};
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, ready};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::TcpStream;
    use tokio::sync::Semaphore;

    type Opening = Pin<Box<dyn Future<Output = ()> + Send>>;

    /// A socket that holds back the data after a client's second flight until a gate opens.
    pub(super) struct Held {
        stream: TcpStream,
        wrote: bool,
        answered: bool,
        opening: Option<Opening>,
    }

    impl Held {
        pub(super) fn new(stream: TcpStream, gate: Arc<Semaphore>) -> Self {
            let opening = async move {
                // It stays open.
                drop(gate.acquire().await);
            };
            Self {
                stream,
                wrote: false,
                answered: false,
                opening: Some(Box::pin(opening)),
            }
        }

        fn poll_gate(&mut self, context: &mut Context<'_>) -> Poll<()> {
            self.wrote = true;
            if self.answered
                && let Some(opening) = &mut self.opening
            {
                ready!(opening.as_mut().poll(context));
                self.opening = None;
            }
            Poll::Ready(())
        }
    }

    impl AsyncRead for Held {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let read = Pin::new(&mut self.stream).poll_read(context, buffer);
            self.answered |= self.wrote && read.is_ready();
            read
        }
    }

    impl AsyncWrite for Held {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            ready!(self.poll_gate(context));
            Pin::new(&mut self.stream).poll_write(context, bytes)
        }

        // Or an error in the first flight would be left out: rustls writes that but once.
        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            ready!(self.poll_gate(context));
            Pin::new(&mut self.stream).poll_write_vectored(context, slices)
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_flush(context)
        }

        fn poll_shutdown(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(context)
        }
    }
}
