//! A transport in memory, and at its other end a server of HTTP/2.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use hyper::body::Bytes;
use keepalive::{Attempt, ConnectError, Connection, Connector, Unusable};
use tokio::io::DuplexStream;
use tokio::sync::Notify;

/// Bytes that fit between the two ends, and bytes of an upload that may be sent before the server
/// reads them.
const BUFFER: usize = 64;
const WINDOW: u32 = 16;
/// The most bytes that the server sends in one go.
const SLICE: usize = 7;

/// Answers each request by what its path says.
#[derive(Clone, Default)]
pub(crate) struct Server {
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) opened: Arc<AtomicUsize>,
    /// Lets an answer that is held go on.
    pub(crate) go_on: Arc<Notify>,
    refused: Arc<Mutex<HashSet<String>>>,
}

impl Connector for Server {
    type Connection = End;

    async fn connect(&self, _attempt: &Attempt) -> Result<End, ConnectError> {
        self.open.fetch_add(1, SeqCst);
        self.opened.fetch_add(1, SeqCst);
        let (stream, theirs) = tokio::io::duplex(BUFFER);
        tokio::spawn(self.clone().serve(theirs));
        Ok(End {
            stream,
            open: Arc::clone(&self.open),
        })
    }
}

impl Server {
    async fn serve(self, stream: DuplexStream) {
        let mut builder = h2::server::Builder::new();
        let handshake = builder.initial_window_size(WINDOW).handshake(stream);
        let Ok(mut connection) = handshake.await else {
            return;
        };
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let path = request.uri().path().to_owned();
            if path.starts_with("/goaway") {
                connection.graceful_shutdown();
            }
            if path.starts_with("/refused") && self.is_new(&path) {
                respond.send_reset(h2::Reason::REFUSED_STREAM);
                continue;
            }
            let server = self.clone();
            tokio::spawn(async move {
                // It fails if the client has dropped the exchange.
                let _answered = server.answer(&path, request, respond).await;
            });
        }
    }

    fn is_new(&self, path: &str) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(path.to_owned())
    }

    async fn answer(
        self,
        path: &str,
        request: Request<h2::RecvStream>,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), h2::Error> {
        let kind = path.split('/').nth(1).unwrap_or_default();
        let mut body = request.into_body();
        let mut told = Vec::new();
        while kind != "early"
            && let Some(data) = body.data().await
        {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            told.extend(data);
        }
        let is_empty = kind == "empty";
        let mut send = respond.send_response(Response::new(()), is_empty)?;
        if is_empty {
            return Ok(());
        }
        let text = crate::answer(path, &String::from_utf8_lossy(&told));
        let mut pieces: Vec<_> = text.as_bytes().chunks(SLICE).collect();
        let last = pieces.pop().unwrap_or_default();
        for piece in pieces {
            send.send_data(Bytes::copy_from_slice(piece), false)?;
            tokio::task::yield_now().await;
        }
        if kind == "held" {
            self.go_on.notified().await;
        }
        let apart = matches!(kind, "apart" | "trailers");
        send.send_data(Bytes::copy_from_slice(last), !apart)?;
        tokio::task::yield_now().await;
        match kind {
            "trailers" => send.send_trailers(HeaderMap::new()),
            "apart" => send.send_data(Bytes::new(), true),
            _ => Ok(()),
        }
    }
}

/// The client's end of a connection.
pub(crate) struct End {
    stream: DuplexStream,
    open: Arc<AtomicUsize>,
}

keepalive_testkit::forward_io!(End, stream);

impl Connection for End {
    fn poll_unusable(&mut self, _context: &mut Context<'_>) -> Poll<Unusable> {
        unreachable!("hyper's task reads while it is idle");
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
    }
}
