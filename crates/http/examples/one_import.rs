//! A program for hyper-util's client, with one changed line.
//!
//! It fetches a page three times from a server that it starts itself. The code below the imports is
//! unchanged.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::error::Error;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
// The line was: use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive_http::legacy::{Client, connect::HttpConnector};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(serve(listener));

    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build(connector);

    for _ in 0..3 {
        let response: Response<Incoming> = client.get(url.parse()?).await?;
        println!("{}", response.status());
        println!("{:?}", response.into_body().collect().await?.to_bytes());
    }
    Ok(())
}

/// Answers with the number of the connection.
async fn serve(listener: TcpListener) {
    for number in 1.. {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let answer = move |_: Request<Incoming>| async move {
            let text = format!("you are on connection {number}");
            Ok::<_, hyper::Error>(Response::new(Full::<Bytes>::from(text)))
        };
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}
