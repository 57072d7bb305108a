//! HTTP/1.1 without a network: the peer answers within the write that ends a request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use keepalive::{Attempt, ConnectError, Connection, Connector, Manager, Unusable};
use keepalive_http::{Client, Http};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Runtime;

const URL: &str = "http://bench.test/path";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\
    server: bench\r\ndate: Sun, 29 Nov 2026 10:00:00 GMT\r\n\r\nHello, world!";

/// A client with an idle connection.
#[derive(Debug)]
pub struct Exchanges {
    runtime: Runtime,
    client: Client<Answers>,
}

impl Exchanges {
    /// A client whose first connection is open.
    ///
    /// # Panics
    ///
    /// If the first exchange fails.
    pub fn new() -> Self {
        let manager = Manager::builder().connector(Http::over(Answers)).build();
        let mut exchanges = Self {
            runtime: runtime(),
            client: Client::new(manager.expect("the settings can work")),
        };
        exchanges.cycle(1);
        exchanges
    }

    /// Sends a request and reads its response, `times` over.
    ///
    /// # Panics
    ///
    /// If an exchange fails.
    pub fn cycle(&mut self, times: u64) {
        let client = self.client.clone();
        run(&self.runtime, async move {
            for _ in 0..times {
                let response = client.request(request()).await.expect("nothing can fail");
                let body = response.into_body().collect().await;
                assert_eq!(body.expect("nothing can fail").to_bytes().len(), 13);
            }
        });
    }
}

impl Default for Exchanges {
    fn default() -> Self {
        Self::new()
    }
}

/// The same by hyper alone, on one connection.
#[derive(Debug)]
pub struct BareExchanges {
    runtime: Runtime,
    /// `None` during a cycle.
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl BareExchanges {
    /// A connection that is open.
    ///
    /// # Panics
    ///
    /// If the first exchange fails.
    pub fn new() -> Self {
        let runtime = runtime();
        let sender = runtime.block_on(async {
            let io = TokioIo::new(Peer::default());
            let shake = hyper::client::conn::http1::handshake(io);
            let (sender, connection) = shake.await.expect("nothing can fail");
            tokio::spawn(connection);
            sender
        });
        let sender = Some(sender);
        let mut exchanges = Self { runtime, sender };
        exchanges.cycle(1);
        exchanges
    }

    /// Sends a request and reads its response, `times` over.
    ///
    /// # Panics
    ///
    /// If an exchange fails.
    pub fn cycle(&mut self, times: u64) {
        let mut sender = self.sender.take().expect("only one cycle at a time");
        self.sender = Some(run(&self.runtime, async move {
            for _ in 0..times {
                sender.ready().await.expect("nothing can fail");
                let mut request = request();
                let host = http::HeaderValue::from_static("bench.test");
                request.headers_mut().insert(http::header::HOST, host);
                *request.uri_mut() = http::Uri::from_static("/path");
                let response = sender.send_request(request).await;
                let body = response.expect("nothing can fail").into_body().collect();
                let body = body.await.expect("nothing can fail");
                assert_eq!(body.to_bytes().len(), 13);
            }
            sender
        }));
    }
}

impl Default for BareExchanges {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs in a task, as programs do. The future of `block_on` itself, once woken, would wait for the
/// reactor before its next turn.
fn run<R: Send + 'static>(runtime: &Runtime, work: impl Future<Output = R> + Send + 'static) -> R {
    let done = runtime.block_on(runtime.spawn(work));
    done.expect("no panic")
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

fn request() -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = http::Uri::from_static(URL);
    request
}

/// Opens connections to a peer that answers at once.
#[derive(Debug)]
pub struct Answers;

impl Connector for Answers {
    type Connection = Peer;

    async fn connect(&self, _: &Attempt) -> Result<Peer, ConnectError> {
        Ok(Peer::default())
    }
}

/// A connection to a peer that answers each write, because each is one request.
#[derive(Debug, Default)]
pub struct Peer {
    unread: &'static [u8],
    reader: Option<Waker>,
}

impl Connection for Peer {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let (now, later) = self
            .unread
            .split_at(self.unread.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.unread = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        assert!(bytes.ends_with(b"\r\n\r\n"), "one write is one request");
        self.unread = ANSWER;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
