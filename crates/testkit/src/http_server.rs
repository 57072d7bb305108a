//! A server of HTTP/1.1 that sends exactly the bytes of a test.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use http::Uri;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::join;
use tokio::net::{TcpListener, TcpStream};

pub use crate::wait::{eventually, within};

/// Listens on a port of its own, and accepts when the test says so.
#[derive(Debug)]
pub struct Server(TcpListener);

impl Server {
    pub async fn start() -> Self {
        Self::listening("127.0.0.1").await
    }

    /// Listens on an address that may stand for many.
    pub async fn listening(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await;
        Self(listener.expect("a free port"))
    }

    pub fn port(&self) -> u16 {
        self.0.local_addr().expect("bound").port()
    }

    pub fn uri(&self, path: &str) -> Uri {
        let uri = format!("http://127.0.0.1:{}{path}", self.port());
        uri.parse().expect("a URI")
    }

    pub async fn accept(&self) -> Peer {
        let (stream, _) = within(self.0.accept()).await.expect("a connection");
        Peer::new(stream)
    }

    /// Accepts, and answers the first request.
    pub async fn serve(&self, answer: impl AsRef<str>) -> Peer {
        let mut peer = self.accept().await;
        peer.serve(answer).await;
        peer
    }

    /// Accepts all connections until the runtime ends, each with a task of its own.
    pub fn each<F>(self, mut serve: impl FnMut(Peer) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.0.accept().await {
                tokio::spawn(serve(Peer::new(stream)));
            }
        });
    }

    /// Answers all requests of all connections by their heads.
    pub fn answer(self, answer: impl Fn(&str) -> String + Clone + Send + Sync + 'static) {
        self.each(move |mut peer| {
            let answer = answer.clone();
            async move {
                while let Some(head) = peer.head().await {
                    if peer.try_send(&answer(&head)).await.is_err() {
                        return;
                    }
                }
            }
        });
    }

    /// Begins to serve within a thread and a runtime of its own. Returns the port.
    pub fn on_a_thread(serve: impl FnOnce(Self) + Send + 'static) -> u16 {
        Self::on_a_thread_at("127.0.0.1", serve)
    }

    /// The same, on an address that may stand for many.
    pub fn on_a_thread_at(address: &'static str, serve: impl FnOnce(Self) + Send + 'static) -> u16 {
        let (sender, port) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let server = Self::listening(address).await;
                sender.send(server.port()).expect("the test waits");
                serve(server);
                std::future::pending::<()>().await;
            });
        });
        port.recv().expect("a port")
    }
}

/// One connection, as the server has it.
#[derive(Debug)]
pub struct Peer<S = TcpStream>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// The head of the next request; `None` if the client closes first, however late.
    pub async fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        Some(head)
    }

    /// The head of the next request, which is on its way.
    pub async fn request(&mut self) -> String {
        within(self.head()).await.expect("a request")
    }

    /// Reads so many bytes.
    pub async fn read(&mut self, bytes: usize) -> String {
        let mut text = vec![0; bytes];
        let read = within(self.0.read_exact(&mut text)).await;
        read.expect("so many bytes");
        String::from_utf8(text).expect("text")
    }

    /// Reads until the client has closed.
    pub async fn rest(&mut self) -> String {
        let mut text = String::new();
        let read = within(self.0.read_to_string(&mut text)).await;
        read.expect("the end");
        text
    }

    pub async fn send(&mut self, text: &str) {
        self.try_send(text).await.expect("the client reads");
    }

    /// Fails once the client has closed.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn try_send(&mut self, text: &str) -> io::Result<()> {
        within(self.0.write_all(text.as_bytes())).await?;
        within(self.0.flush()).await
    }

    /// Reads a request, and answers it.
    pub async fn serve(&mut self, answer: impl AsRef<str>) -> String {
        let head = self.request().await;
        self.send(answer.as_ref()).await;
        head
    }

    /// Waits until the client has closed, and asserts that it sent nothing before.
    pub async fn closed(&mut self) {
        match within(self.0.read(&mut [0])).await {
            Ok(n) => assert_eq!(n, 0, "a byte where the end was expected"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }

    pub fn into_stream(self) -> S {
        self.0.into_inner()
    }
}

impl Peer {
    /// The client's address.
    pub fn address(&self) -> SocketAddr {
        self.0.get_ref().peer_addr().expect("a connected socket")
    }

    /// Closes with a reset, not with a FIN.
    pub fn reset(self) {
        let set = self.into_stream().set_zero_linger();
        set.expect("a socket");
    }
}

/// A response of known length.
pub fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// The work of the client, while the server does its part.
pub async fn exchange<A: Future, B: Future>(ask: A, serve: B) -> (A::Output, B::Output) {
    within(async { join!(ask, serve) }).await
}
