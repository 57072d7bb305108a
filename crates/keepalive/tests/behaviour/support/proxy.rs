//! A proxy whose answer a test sets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The head of a request, and the protocol that ALPN has selected.
type Seen = (String, Option<Vec<u8>>);

/// A proxy of this runtime that answers every request alike.
pub(crate) struct HttpProxy {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl HttpProxy {
    /// Sends `answer`, and goes on as a tunnel to `to`, if there is one. Otherwise it sends no
    /// more and stays open; an empty answer closes at once.
    pub(crate) async fn start(answer: impl Into<String>, to: Option<SocketAddr>) -> Self {
        Self::start_as(None, answer.into(), to).await
    }

    /// The same for clients that come by TLS.
    #[cfg(feature = "tls")]
    pub(crate) async fn start_sealed(
        mut config: rustls::ServerConfig,
        answer: impl Into<String>,
        to: Option<SocketAddr>,
    ) -> Self {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let seal = TlsAcceptor::from(Arc::new(config));
        Self::start_as(Some(seal), answer.into(), to).await
    }

    async fn start_as(seal: Option<TlsAcceptor>, answer: String, to: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::default();
        let each = Each {
            seen: Arc::clone(&seen),
            answer,
            to,
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seal, each) = (seal.clone(), each.clone());
                tokio::spawn(async move {
                    let Some(seal) = seal else {
                        return each.serve(stream, None).await;
                    };
                    let Ok(stream) = seal.accept(stream).await else {
                        return;
                    };
                    let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                    each.serve(stream, alpn).await;
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("nobody panics").clone()
    }

    /// The heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen().into_iter().map(|(head, _)| head).collect()
    }
}

#[derive(Clone)]
struct Each {
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: String,
    to: Option<SocketAddr>,
}

impl Each {
    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin, alpn: Option<Vec<u8>>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else {
                return;
            };
            head.push(byte);
        }
        let head = String::from_utf8(head).expect("a head is text");
        self.seen.lock().expect("nobody panics").push((head, alpn));
        let answer = self.answer.as_bytes();
        if answer.is_empty() || stream.write_all(answer).await.is_err() {
            return;
        }
        let _ = stream.flush().await;
        match self.to {
            Some(to) => {
                let mut onward = TcpStream::connect(to).await.expect("the host listens");
                // Whichever end goes first, the other follows.
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            }
            None => {
                let _ = stream.read_u8().await;
            }
        }
    }
}
