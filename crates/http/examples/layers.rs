//! Layers of tower-http on top of the client: redirects are followed, bodies arrive unpacked, and
//! each request has a time limit and is traced.
//!
//! It starts a server of its own, whose first answer sends it elsewhere.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::error::Error;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, LOCATION};
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/old", listener.local_addr()?);
    tokio::spawn(serve(listener));

    let manager = Manager::builder()
        .max_per_host(2)
        .connector(Http::new())
        .build()?;
    let client = ServiceBuilder::new()
        .timeout(Duration::from_secs(10))
        .layer(DecompressionLayer::new())
        .layer(FollowRedirectLayer::new())
        .service(Client::new(manager.clone()));

    let request = Request::get(url).body(String::new())?;
    let response = client
        .oneshot(request)
        .await
        .map_err(|error| error.to_string())?;
    println!("{}", response.status());
    let body = response.into_body().collect().await;
    println!("{:?}", body.map_err(|error| error.to_string())?.to_bytes());
    println!("connections opened: {}", manager.totals().opened);
    Ok(())
}

async fn serve(listener: TcpListener) {
    let answer = async |request: Request<Incoming>| match request.uri().path() {
        "/old" => Response::builder()
            .status(StatusCode::FOUND)
            .header(LOCATION, "/new")
            .body(Full::<Bytes>::default()),
        _ => Response::builder()
            .header(CONTENT_ENCODING, "gzip")
            .body(Full::from(&HERE_IT_IS[..])),
    };
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

/// "here it is", as gzip packs it.
const HERE_IT_IS: [u8; 30] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0x2d, 0x4a, 0x55, 0xc8,
    0x2c, 0x51, 0xc8, 0x2c, 0x06, 0x00, 0xff, 0x8c, 0x18, 0x32, 0x0a, 0x00, 0x00, 0x00,
];
