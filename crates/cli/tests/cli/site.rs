//! A server of HTTP/1.1 or HTTP/2 that records requests, and whose response depends on the path.

use std::io::Write;
use std::sync::{Arc, Mutex};

use async_compression::tokio::write::{BrotliEncoder, ZstdEncoder};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::header::{CONTENT_ENCODING, LOCATION, RETRY_AFTER, SET_COOKIE};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use keepalive::rustls::ServerConfig;
use keepalive_testkit::http_server::Server;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// The unpacked body of `/gzip` and `/deflate`.
pub(crate) const TEXT: &str = "the same words again and again, the same words again and again";

/// Runs until the test ends.
pub(crate) struct Site {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request as received.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) version: Version,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    /// The value of a header, if there is one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Site {
    /// Starts without TLS. It takes HTTP/1.1, and HTTP/2 by prior knowledge.
    pub(crate) fn start() -> Self {
        Self::serve(None)
    }

    /// Starts with TLS, and the version of HTTP that the handshake chooses.
    pub(crate) fn start_with(tls: ServerConfig) -> Self {
        Self::serve(Some(TlsAcceptor::from(Arc::new(tls))))
    }

    fn serve(tls: Option<TlsAcceptor>) -> Self {
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let notes = Arc::clone(&asked);
        let port = Server::on_a_thread(|server| {
            server.each(move |peer| accept(peer.into_stream(), tls.clone(), Arc::clone(&notes)));
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The requests so far, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The request lines so far, as `GET /path`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

/// A client that disconnects is no failure of the server.
async fn accept(stream: TcpStream, tls: Option<TlsAcceptor>, notes: Arc<Mutex<Vec<Asked>>>) {
    match tls {
        None => converse(stream, notes).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                converse(stream, notes).await;
            }
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    notes: Arc<Mutex<Vec<Asked>>>,
) {
    let service = service_fn(move |request| answer(request, Arc::clone(&notes)));
    let server = auto::Builder::new(TokioExecutor::new());
    let _gone = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    notes: Arc<Mutex<Vec<Asked>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    notes.lock().unwrap().push(Asked {
        line: format!("{} {}", head.method, head.uri.path()),
        version: head.version,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let path = head.uri.path();
    Ok(match path.split('/').nth(1).unwrap_or_default() {
        // `/redirect/302?to`: a redirect to the text after the question mark.
        "redirect" => {
            let status: u16 = path.rsplit('/').next().unwrap().parse().unwrap();
            let response = Response::builder().status(status);
            let response = response.header(LOCATION, head.uri.query().unwrap());
            response.body(Full::from("elsewhere")).unwrap()
        }
        // `/cookies?to`: a redirect that sets a cookie.
        "cookies" => {
            let response = Response::builder()
                .status(302)
                .header(SET_COOKIE, "set=1; Path=/");
            let response = response.header(LOCATION, head.uri.query().unwrap());
            response.body(Full::default()).unwrap()
        }
        // `/busy/503?2`: the status 503 twice, and then 200.
        "busy" => {
            let status: u16 = path.rsplit('/').next().unwrap().parse().unwrap();
            let times: usize = head.uri.query().unwrap().parse().unwrap();
            let asked = notes.lock().unwrap().len();
            match asked > times {
                true => Response::new(Full::from("hello")),
                false => {
                    let response = Response::builder().status(status).header(RETRY_AFTER, "0");
                    response.body(Full::from("busy")).unwrap()
                }
            }
        }
        "later" => {
            let response = Response::builder().status(503).header(RETRY_AFTER, "3600");
            response.body(Full::default()).unwrap()
        }
        "loop" => {
            let response = Response::builder().status(302).header(LOCATION, "/loop");
            response.body(Full::default()).unwrap()
        }
        "gzip" => packed("gzip", &gzip()),
        "gzip-shouted" => packed("GZip", &gzip()),
        "gzip-of-old" => packed("x-gzip", &gzip()),
        "gzip-twice" => packed("gzip, gzip", &gzip_of(&gzip())),
        "deflate" => packed("deflate", &deflate()),
        "deflate-raw" => packed("deflate", &deflate_raw()),
        "br" => packed(
            "br",
            &written(BrotliEncoder::new(Vec::new())).await.into_inner(),
        ),
        "zstd" => packed(
            "zstd",
            &written(ZstdEncoder::new(Vec::new())).await.into_inner(),
        ),
        "bomb" => packed("gzip", &gzip_of(&vec![b' '; 1 << 20])),
        "gzip-cut" => packed("gzip", &gzip()[..gzip().len() - 12]),
        "gzip-torn" => packed("gzip", TEXT.as_bytes()),
        "unknown" => packed("compress", TEXT.as_bytes()),
        _ => Response::new(Full::from("hello")),
    })
}

fn packed(encoding: &str, body: &[u8]) -> Response<Full<Bytes>> {
    let response = Response::builder().header(CONTENT_ENCODING, encoding);
    response.body(Full::from(body.to_vec())).unwrap()
}

/// [`TEXT`], packed.
pub(crate) fn gzip() -> Vec<u8> {
    gzip_of(TEXT.as_bytes())
}

fn gzip_of(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Deflate without the header of zlib, as some servers send it.
fn deflate_raw() -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(TEXT.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

async fn written<W: AsyncWrite + Unpin>(mut encoder: W) -> W {
    encoder.write_all(TEXT.as_bytes()).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder
}

fn deflate() -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(TEXT.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
