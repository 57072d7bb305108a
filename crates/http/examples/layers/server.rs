//! Two test servers.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, COOKIE, LOCATION, SET_COOKIE};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Records its requests, and whether they carry a cookie or a password.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    /// The target of `/old`.
    elsewhere: Option<SocketAddr>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start_two() -> Result<(Self, Self), BoxError> {
        let second = Self::start(None).await?;
        let first = Self::start(Some(second.address)).await?;
        Ok((second, first))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn told(&self) -> Vec<String> {
        let told = self.told.lock();
        told.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn start(elsewhere: Option<SocketAddr>) -> Result<Self, BoxError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = Self {
            address: listener.local_addr()?,
            elsewhere,
            told: Arc::default(),
        };
        tokio::spawn(server.clone().serve(listener));
        Ok(server)
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let server = self.clone();
            let answer = service_fn(move |request| {
                let server = server.clone();
                async move { server.answer(request).await }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
        let has_cookie = request.headers().contains_key(COOKIE);
        let asked = format!("{} {}", request.method(), request.uri().path());
        let is_first = !self.told().iter().any(|told| told.starts_with(&asked));
        self.note(&asked, &request);
        let answer = Response::builder();
        let answer = match &*asked {
            "POST /login" => answer
                .status(StatusCode::SEE_OTHER)
                .header(SET_COOKIE, "session=1; HttpOnly")
                .header(LOCATION, "/home")
                .body(Full::default())?,
            "PUT /order" if is_first => answer
                .status(StatusCode::SERVICE_UNAVAILABLE)
                .body(Full::default())?,
            "GET /home" | "PUT /order" if has_cookie => {
                let body = request.into_body().collect().await?.to_bytes();
                let answer = answer.header(CONTENT_ENCODING, "gzip");
                answer.body(packed(&body)?.into())?
            }
            "GET /old" => {
                let place = self.elsewhere.unwrap_or(self.address);
                answer
                    .status(StatusCode::FOUND)
                    .header(LOCATION, format!("http://{place}/new"))
                    .body(Full::default())?
            }
            "GET /new" => answer.body("here it is".into())?,
            _ => answer.status(StatusCode::FORBIDDEN).body(Full::default())?,
        };
        Ok(answer)
    }

    fn note(&self, asked: &str, request: &Request<Incoming>) {
        let mut line = asked.to_owned();
        for (name, said) in [
            (COOKIE, ", with a cookie"),
            (AUTHORIZATION, ", with a password"),
        ] {
            if request.headers().contains_key(name) {
                line += said;
            }
        }
        let told = self.told.lock();
        told.unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}
