//! Servers whose responses name their server and their request.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::gauge::Gauge;
use crate::tls::Identity;

/// A server on a port of its own, which speaks two protocols.
///
/// It answers the line `ask NONCE SIZE` with [`answer`]. It answers `GET /NONCE/SIZE/FRAMING` with
/// the same as a body. The framing is `length` (a known length), `chunked`, or `close` (a known
/// length and `connection: close`). Any other input ends the connection.
pub struct Echo {
    /// The connections that the server has accepted and has not seen close.
    pub connections: Gauge,
    served: Arc<AtomicU64>,
    tag: Arc<str>,
    address: SocketAddr,
    task: AbortHandle,
}

impl Echo {
    pub async fn start(runtime: &Handle, tag: &str) -> Self {
        Self::start_as(runtime, tag, None).await
    }

    /// One that speaks TLS, with the certificate [`Identity::local`].
    pub async fn start_sealed(runtime: &Handle, tag: &str) -> Self {
        Self::start_as(runtime, tag, Some(Identity::local().acceptor())).await
    }

    async fn start_as(runtime: &Handle, tag: &str, seal: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port").into_std().expect("a socket");
        let address = listener.local_addr().expect("bound");
        let (connections, served, tag) = (Gauge::default(), Arc::default(), Arc::from(tag));
        let each = Each {
            connections: connections.clone(),
            served: Arc::clone(&served),
            tag: Arc::clone(&tag),
            seal,
        };
        let task = runtime.spawn(async move {
            each.accept(TcpListener::from_std(listener).expect("a reactor"))
                .await;
        });
        Self {
            connections,
            served,
            tag,
            address,
            task: task.abort_handle(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// How many requests were answered.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The answer to a nonce: the server's tag, the number of its connection, the nonce, and so many
/// bytes that follow from the nonce.
pub fn answer(tag: &str, connection: usize, nonce: u64, size: usize) -> String {
    let mut answer = format!("{tag} {connection} {nonce} ");
    answer.extend((0..size).map(|at| char::from(b'a' + ((nonce as usize + at) % 26) as u8)));
    answer
}

struct Each {
    connections: Gauge,
    served: Arc<AtomicU64>,
    tag: Arc<str>,
    seal: Option<TlsAcceptor>,
}

impl Each {
    async fn accept(self, listener: TcpListener) {
        let this = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let (this, entered) = (Arc::clone(&this), this.connections.enter());
                    let number = this.connections.read().total;
                    connections.spawn(async move {
                        let _entered = entered;
                        // The client may close at any time.
                        let _ = this.open(stream, number).await;
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn open(&self, stream: TcpStream, number: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        match &self.seal {
            Some(seal) => self.serve(seal.accept(stream).await?, number).await,
            None => self.serve(stream, number).await,
        }
    }

    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        number: usize,
    ) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        loop {
            line.clear();
            (&mut stream).take(MOST).read_line(&mut line).await?;
            let Some(reply) = self.reply(line.trim_end(), number) else {
                return Ok(());
            };
            if line.starts_with("GET ") {
                skip_headers(&mut stream).await?;
            }
            stream.get_mut().write_all(reply.as_bytes()).await?;
            stream.get_mut().flush().await?;
            self.served.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The answer to a first line.
    fn reply(&self, line: &str, connection: usize) -> Option<String> {
        let of = |nonce: &str, size: &str| {
            let (nonce, size) = (nonce.parse().ok()?, size.parse().ok()?);
            Some(answer(&self.tag, connection, nonce, size))
        };
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["ask", nonce, size] => of(nonce, size).map(|answer| answer + "\n"),
            ["GET", path, "HTTP/1.1"] => match path.split('/').collect::<Vec<_>>()[..] {
                ["", nonce, size, framing] => Some(response(&of(nonce, size)?, framing)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The most bytes of a line that are read.
const MOST: u64 = 1024;

fn response(body: &str, framing: &str) -> String {
    let mut response = "HTTP/1.1 200 OK\r\n".to_owned();
    let length = body.len();
    // Writing to a string does not fail.
    let _ = match framing {
        "chunked" => {
            let (one, two) = body.split_at(length / 2);
            write!(
                response,
                "transfer-encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
                one.len(),
                two.len()
            )
        }
        "close" => write!(
            response,
            "connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
        _ => write!(response, "content-length: {length}\r\n\r\n{body}"),
    };
    response
}

async fn skip_headers(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        if (&mut *stream).take(MOST).read_line(&mut line).await? <= 2 {
            return Ok(());
        }
    }
}
