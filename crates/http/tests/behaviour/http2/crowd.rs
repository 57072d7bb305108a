//! A server of HTTP/2 for many requests at once, which counts its connections.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Response, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive_testkit::http_server::Server;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// The frames that a test holds back, and the requests that the server has received.
#[derive(Clone)]
pub(crate) struct Crowd(Arc<Inner>);

struct Inner {
    /// How many streams each connection may have.
    streams: u32,
    /// Whether the server sends its settings.
    greets: watch::Sender<bool>,
    /// Whether the server answers.
    answers: watch::Sender<bool>,
    connections: AtomicUsize,
    /// How many requests have arrived.
    asked: watch::Sender<usize>,
}

impl Crowd {
    /// A server that sends its settings and its answers at once.
    pub(crate) fn allowing(streams: u32) -> Self {
        Self(Arc::new(Inner {
            streams,
            greets: watch::Sender::new(true),
            answers: watch::Sender::new(true),
            connections: AtomicUsize::new(0),
            asked: watch::Sender::new(0),
        }))
    }

    /// Begins to serve.
    pub(crate) async fn listen(&self) -> Uri {
        let (server, crowd) = (Server::start().await, self.clone());
        let uri = server.uri("/");
        server.each(move |peer| crowd.clone().serve(peer.into_stream()));
        uri
    }

    pub(crate) fn greet(&self, greets: bool) {
        self.0.greets.send_replace(greets);
    }

    pub(crate) fn answer(&self, answers: bool) {
        self.0.answers.send_replace(answers);
    }

    pub(crate) fn connections(&self) -> usize {
        self.0.connections.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have arrived.
    pub(crate) async fn until_asked(&self, requests: usize) {
        let mut asked = self.0.asked.subscribe();
        asked.wait_for(|&asked| asked >= requests).await.unwrap();
    }

    /// Serves one connection, until it ends.
    pub(crate) async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        self.0.connections.fetch_add(1, Ordering::SeqCst);
        let mut greets = self.0.greets.subscribe();
        greets.wait_for(|&greets| greets).await.unwrap();
        let streams = self.0.streams;
        let answer =
            service_fn(move |_: http::Request<hyper::body::Incoming>| self.clone().reply());
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(streams);
        // It ends with an error if the client goes first.
        let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
    }

    async fn reply(self) -> Result<Response<Empty<Bytes>>, Infallible> {
        self.0.asked.send_modify(|asked| *asked += 1);
        let mut answers = self.0.answers.subscribe();
        answers.wait_for(|&answers| answers).await.unwrap();
        Ok(Response::new(Empty::new()))
    }
}
