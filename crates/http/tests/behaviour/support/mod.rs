//! A server that sends exactly the bytes of a test, and the helpers that every test needs.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

pub(crate) mod wire;

use std::future::Future;
use std::time::Duration;

use http::{Response, Uri};
use http_body_util::BodyExt;
use keepalive::Manager;
use keepalive_http::{Allocation, Body, Client, Http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::join;
use tokio::net::{TcpListener, TcpStream};

/// Listens on a port of its own; nothing happens until the test accepts.
pub(crate) struct Server(TcpListener);

impl Server {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    pub(crate) fn uri(&self, path: &str) -> Uri {
        format!("http://127.0.0.1:{}{path}", self.port())
            .parse()
            .unwrap()
    }

    pub(crate) async fn accept(&self) -> Peer {
        Peer(within(self.0.accept()).await.unwrap().0)
    }

    /// Accepts, and answers the first request.
    pub(crate) async fn serve(&self, answer: impl AsRef<str>) -> Peer {
        let mut peer = self.accept().await;
        peer.serve(answer).await;
        peer
    }
}

/// One connection, as the server has it.
pub(crate) struct Peer(TcpStream);

impl Peer {
    /// Reads the head of a request.
    pub(crate) async fn request(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within(self.0.read_u8()).await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads so many bytes.
    pub(crate) async fn read(&mut self, bytes: usize) -> String {
        let mut text = vec![0; bytes];
        within(self.0.read_exact(&mut text)).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Reads until the client has closed.
    pub(crate) async fn rest(&mut self) -> String {
        let mut text = String::new();
        within(self.0.read_to_string(&mut text)).await.unwrap();
        text
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.try_send(text).await.unwrap();
    }

    /// Fails once the client has closed.
    pub(crate) async fn try_send(&mut self, text: &str) -> std::io::Result<()> {
        within(self.0.write_all(text.as_bytes())).await
    }

    /// Reads a request, and answers it.
    pub(crate) async fn serve(&mut self, answer: impl AsRef<str>) -> String {
        let head = self.request().await;
        self.send(answer.as_ref()).await;
        head
    }

    /// Waits until the client has closed, and asserts that it sent nothing before.
    pub(crate) async fn closed(&mut self) {
        match within(self.0.read(&mut [0])).await {
            Ok(n) => assert_eq!(n, 0, "a byte where the end was expected"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.0
    }

    /// Closes with a reset, not with a FIN.
    pub(crate) fn reset(self) {
        self.0.set_zero_linger().unwrap();
    }
}

pub(crate) fn client(max_per_host: usize) -> Client {
    let builder = Manager::builder().max_per_host(max_per_host);
    Client::new(builder.connector(Http::new()).build().unwrap())
}

/// A response of known length.
pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let body = within(response.into_body().collect()).await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

pub(crate) fn allocation(response: &Response<Body>) -> Allocation {
    *response.extensions().get().expect("every response has one")
}

/// What the client does, while the server does its part.
pub(crate) async fn exchange<A: Future, B: Future>(ask: A, serve: B) -> (A::Output, B::Output) {
    within(async { join!(ask, serve) }).await
}

/// No step of a test takes longer than this.
const LIMIT: Duration = Duration::from_secs(10);

/// Fails a test that would hang.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future)
        .await
        .expect("nothing happens any more")
}

/// Waits, a turn of the event loop at a time, until a condition holds.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let turns = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(LIMIT, turns).await.is_err() {
        panic!("it never came about: {what}");
    }
}
