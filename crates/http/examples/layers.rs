//! Layers of tower-http on top of the client: redirects are followed, bodies arrive unpacked, and
//! the head of each answer has a time limit.
//!
//! It starts two servers of its own. The first sends it to the second, which sends it on once more,
//! and neither of these two requests may carry the password that was meant for the first.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::error::Error;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keepalive::Manager;
use keepalive_http::{Client, Http};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::decompression::DecompressionLayer;
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::follow_redirect::policy::{Action, Attempt, Policy};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (first, second) = (listener().await?, listener().await?);
    let url = format!("http://{}/old", first.local_addr()?);
    let elsewhere = format!("http://{}/moved", second.local_addr()?);
    tokio::spawn(serve(first, elsewhere));
    tokio::spawn(serve(second, "/new".to_owned()));

    let manager = Manager::builder()
        .max_per_host(2)
        .connector(Http::new())
        .build()?;
    let client = ServiceBuilder::new()
        .timeout(Duration::from_secs(10))
        .layer(DecompressionLayer::new())
        .layer(FollowRedirectLayer::with_policy(Redirects::at_most(10)))
        .service(Client::new(manager.clone()));

    let request = Request::get(url).header(AUTHORIZATION, "Basic bWU6c2VjcmV0");
    let response = client
        .oneshot(request.body(String::new())?)
        .await
        .map_err(|error| error.to_string())?;
    println!("{}", response.status());
    if !response.status().is_success() {
        return Err("the password has gone where it does not belong".into());
    }
    let body = response.into_body().collect().await;
    println!("{:?}", body.map_err(|error| error.to_string())?.to_bytes());
    println!("connections opened: {}", manager.totals().opened);
    Ok(())
}

/// Follows so many redirects. Once one leads to another origin, what is secret stays behind for
/// good.
///
/// `FollowRedirectLayer::new()` brings a policy that compares each place with the one before it
/// alone: the second request to another origin has the credentials again.
#[derive(Clone)]
struct Redirects {
    more: u32,
    has_left: bool,
}

impl Redirects {
    fn at_most(redirects: u32) -> Self {
        Self {
            more: redirects,
            has_left: false,
        }
    }
}

impl<B, E> Policy<B, E> for Redirects {
    fn redirect(&mut self, attempt: &Attempt<'_>) -> Result<Action, E> {
        let Some(more) = self.more.checked_sub(1) else {
            return Ok(Action::Stop);
        };
        self.more = more;
        let (from, to) = (attempt.previous(), attempt.location());
        self.has_left |= (from.scheme(), from.authority()) != (to.scheme(), to.authority());
        Ok(Action::Follow)
    }

    fn on_request(&mut self, request: &mut Request<B>) {
        if self.has_left {
            for name in [AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION] {
                request.headers_mut().remove(name);
            }
        }
    }
}

async fn listener() -> std::io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0").await
}

/// Sends whoever asks to `location`, but for `/new`, where it is. Only `/old` may be told a password.
async fn serve(listener: TcpListener, location: String) {
    while let Ok((stream, _)) = listener.accept().await {
        let location = location.clone();
        let answer = move |request| answer(request, location.clone());
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

async fn answer(
    request: Request<Incoming>,
    location: String,
) -> Result<Response<Full<Bytes>>, http::Error> {
    let path = request.uri().path();
    let is_told = request.headers().contains_key(AUTHORIZATION);
    println!("{path} is told the password: {is_told}");
    match path {
        _ if is_told != (path == "/old") => Response::builder()
            .status(StatusCode::BAD_REQUEST)
            .body(Full::default()),
        "/new" => Response::builder()
            .header(CONTENT_ENCODING, "gzip")
            .body(Full::from(&HERE_IT_IS[..])),
        _ => Response::builder()
            .status(StatusCode::FOUND)
            .header(LOCATION, location)
            .body(Full::default()),
    }
}

/// "here it is", as gzip packs it.
const HERE_IT_IS: [u8; 30] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0x2d, 0x4a, 0x55, 0xc8,
    0x2c, 0x51, 0xc8, 0x2c, 0x06, 0x00, 0xff, 0x8c, 0x18, 0x32, 0x0a, 0x00, 0x00, 0x00,
];
