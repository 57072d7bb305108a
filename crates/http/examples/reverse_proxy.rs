//! A reverse proxy that forwards all requests to one server, over at most four connections.
//!
//! `reverse_proxy 127.0.0.1:8080 http://127.0.0.1:3000` serves until it is stopped. Without
//! arguments it starts a server of its own, sends one request to it through the proxy, and ends.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::error::Error;

use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Either};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keepalive::Manager;
use keepalive_http::{Body, Client, Http};
use tokio::net::TcpListener;

type Answer = Response<Either<Body, String>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let manager = Manager::builder()
        .max_per_host(4)
        .connector(Http::new())
        .build()?;
    let client = Client::new(manager);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [listen, server] = &arguments[..] {
        proxy(TcpListener::bind(listen).await?, client, server.parse()?).await;
        return Ok(());
    }
    let (front, back) = (listener().await?, listener().await?);
    let (url, server) = (url(&front)?, url(&back)?);
    tokio::spawn(greet(back));
    tokio::spawn(proxy(front, client.clone(), server));
    let response = client.get(url).await?;
    println!("{}", response.status());
    println!("{:?}", response.into_body().collect().await?.to_bytes());
    Ok(())
}

async fn proxy(listener: TcpListener, client: Client, server: Uri) {
    while let Ok((stream, _)) = listener.accept().await {
        let (client, server) = (client.clone(), server.clone());
        let service = service_fn(move |request| forward(client.clone(), server.clone(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Forwards a request, and returns the response. Both bodies are streamed, not buffered.
async fn forward(
    client: Client,
    server: Uri,
    request: Request<Incoming>,
) -> Result<Answer, http::Error> {
    let (mut head, body) = request.into_parts();
    let mut to = server.into_parts();
    to.path_and_query = head.uri.path_and_query().cloned();
    head.uri = Uri::from_parts(to)?;
    leave_behind(&mut head.headers);
    head.headers.remove(HOST);
    match client.request(Request::from_parts(head, body)).await {
        Ok(mut response) => {
            leave_behind(response.headers_mut());
            Ok(response.map(Either::Left))
        }
        Err(error) => {
            let answer = Response::builder().status(StatusCode::BAD_GATEWAY);
            answer.body(Either::Right(format!("{error}\n")))
        }
    }
}

/// Removes the headers of a single connection: a fixed set, and those listed in `connection` (RFC
/// 9110, section 7.6.1).
fn leave_behind(headers: &mut HeaderMap) {
    let named = headers.get_all(CONNECTION).into_iter();
    let named = named.filter_map(|value| value.to_str().ok());
    let named = named.flat_map(|list| list.split(','));
    let named: Vec<HeaderName> = named.filter_map(|name| name.trim().parse().ok()).collect();
    let always = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    let always = always
        .into_iter()
        .chain([CONNECTION, TE, TRANSFER_ENCODING, UPGRADE]);
    for name in always.chain(named) {
        headers.remove(name);
    }
}

/// The backend, if none is given.
async fn greet(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let hello = async |request: Request<Incoming>| {
            Ok::<_, http::Error>(Response::new(format!(
                "hello, you asked for {}",
                request.uri()
            )))
        };
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(hello)),
        );
    }
}

async fn listener() -> std::io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0").await
}

fn url(listener: &TcpListener) -> Result<Uri, Box<dyn Error>> {
    Ok(format!("http://{}/", listener.local_addr()?).parse()?)
}
