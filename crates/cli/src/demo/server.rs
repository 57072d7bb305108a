//! A slow HTTP server that may close connections now and then.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::census::Census;

/// The time of a response.
const DELAY: Duration = Duration::from_millis(3);

const ANSWER: &[u8] = &[b'.'; 1024];

/// Every fourth server closes a connection after so many responses.
const CLOSES_AFTER: u64 = 40;

/// A server that runs until the process ends.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    index: usize,
    census: Arc<Census>,
    answers: AtomicU64,
    closed: AtomicU64,
}

impl Server {
    /// Starts the server number `index`, from 0, on its own loopback address.
    pub(super) fn start(index: usize, census: &Arc<Census>) -> io::Result<Arc<Self>> {
        let listener = listen(index)?;
        let server = Arc::new(Self {
            address: listener.local_addr()?,
            index,
            census: Arc::clone(census),
            answers: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        });
        tokio::spawn(serve(listener, Arc::clone(&server)));
        Ok(server)
    }

    /// The number of connections that the server closed after a response.
    pub(super) fn closed(&self) -> u64 {
        self.closed.load(Ordering::Relaxed)
    }

    fn answer(&self) -> Response<Full<Bytes>> {
        let mut answer = Response::new(Full::new(Bytes::from_static(ANSWER)));
        let number = self.answers.fetch_add(1, Ordering::Relaxed) + 1;
        if self.index % 4 == 3 && number.is_multiple_of(CLOSES_AFTER) {
            self.closed.fetch_add(1, Ordering::Relaxed);
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        answer
    }
}

/// Listens on 127.0.0.1, 127.0.0.2 and so on, or on 127.0.0.1 if the others do not exist.
fn listen(index: usize) -> io::Result<TcpListener> {
    let last = u8::try_from(index + 1).unwrap_or(1);
    let listener = StdListener::bind((Ipv4Addr::new(127, 0, 0, last), 0))
        .or_else(|_| StdListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn serve(listener: TcpListener, server: Arc<Server>) {
    loop {
        // A failed accept is one failed connection.
        if let Ok((stream, _)) = listener.accept().await {
            // Nagle's algorithm would delay responses until acknowledgements arrive.
            let _ = stream.set_nodelay(true);
            tokio::spawn(connection(stream, Arc::clone(&server)));
        }
    }
}

/// Serves one connection to its end.
async fn connection(stream: TcpStream, server: Arc<Server>) -> io::Result<()> {
    let stream = stream.into_std()?;
    server.census.arrive(server.index, stream.try_clone()?);
    let transport = TokioIo::new(TcpStream::from_std(stream)?);
    let service = service_fn(|_| async {
        sleep(DELAY).await;
        Ok::<_, Infallible>(server.answer())
    });
    http1::Builder::new()
        .serve_connection(transport, service)
        .await
        .map_err(io::Error::other)
}
