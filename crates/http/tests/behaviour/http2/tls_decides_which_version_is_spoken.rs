//! Which version it is, is agreed on with the handshake (RFC 7301).

#![allow(clippy::unwrap_used)]

use http::Version;
use keepalive::Net;
use keepalive_http::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::server::{Outcome, Peer, client_of};
use super::tls::TlsServer;
use crate::support::{ok, within};

#[tokio::test]
async fn http_2_where_the_server_can() {
    let version = spoken(&["h2", "http/1.1"], Http::over).await;
    assert_eq!(version.unwrap().version(), Version::HTTP_2);
}

#[tokio::test]
async fn http_1_where_it_can_not() {
    let version = spoken(&["http/1.1"], Http::over).await;
    assert_eq!(version.unwrap().version(), Version::HTTP_11);
}

#[tokio::test]
async fn http_1_where_it_does_not_say() {
    let version = spoken(&[], Http::over).await;
    assert_eq!(version.unwrap().version(), Version::HTTP_11);
}

#[tokio::test]
async fn http_1_where_nothing_else_is_wanted() {
    let version = spoken(&["h2", "http/1.1"], |net| Http::over(net).http1_only()).await;
    assert_eq!(version.unwrap().version(), Version::HTTP_11);
}

#[tokio::test]
async fn a_server_that_can_not_is_an_error_where_nothing_else_is_wanted() {
    let error = spoken(&["http/1.1"], |net| Http::over(net).http2_only()).await;
    let error = error.unwrap_err();
    assert!(error.is_connect());
    assert_eq!(error.function(), "tls", "{error}");
}

/// Asks a server that knows these protocols, and answers by the one that is agreed on.
async fn spoken(known: &[&str], http: impl FnOnce(Net) -> Http) -> Outcome {
    let server = TlsServer::start(known).await;
    let client = client_of(http(server.net()), 1);
    let uri = server.uri();
    tokio::spawn(async move {
        if let Ok(stream) = server.accept().await {
            serve(stream).await;
        }
    });
    within(client.get(uri)).await
}

async fn serve(mut stream: TlsStream<TcpStream>) {
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let mut peer = Peer::greet(stream, 10).await;
        let stream = peer.request().await;
        peer.answer(stream).await;
        peer.ignored().await;
    } else {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(ok("").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let _closed = stream.read(&mut [0]).await;
    }
}
