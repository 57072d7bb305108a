//! A server that sends back the body of a request, and as many bytes more as the request asks for.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keepalive_testkit::http_server::Server;

/// Serves until the runtime ends; returns the port.
pub(crate) async fn start() -> u16 {
    let server = Server::start().await;
    let port = server.port();
    server.each(|peer| async {
        let stream = TokioIo::new(peer.into_stream());
        let serve =
            http1::Builder::new().serve_connection(stream, service_fn(async |r| answer(r).await));
        // The server in front may close at any time.
        let _ended = serve.await;
    });
    port
}

/// The path is `/nonce/size/shape`.
async fn answer(
    request: Request<Incoming>,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let [nonce, size, shape] = path.split('/').skip(1).collect::<Vec<_>>()[..] else {
        panic!("nobody asks for {path}");
    };
    let mut told = request.into_body().collect().await?.to_bytes().to_vec();
    told.extend(content(nonce, size.parse().unwrap()));
    let body = Full::new(Bytes::from(told));
    let body = match shape {
        "chunked" => body.map_frame(|frame| frame).boxed_unsync(),
        _ => body.boxed_unsync(),
    };
    let response = Response::builder().header("x-nonce", nonce).body(body);
    Ok(response.unwrap())
}

/// So many bytes that belong to a nonce.
pub(crate) fn content(nonce: &str, size: usize) -> Vec<u8> {
    let line = format!("this is {nonce}\n");
    line.bytes().cycle().take(size).collect()
}
