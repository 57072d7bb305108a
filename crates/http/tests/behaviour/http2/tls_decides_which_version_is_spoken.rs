//! Which version it is, is agreed on with the handshake (RFC 7301).

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use http::Version;
use keepalive::rustls::ServerConfig;
use keepalive::rustls::crypto::ring;
use keepalive::{Net, Tls};
use keepalive_http::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::server::{Outcome, Peer, client_of};
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
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = known.iter().map(|name| name.as_bytes().to_vec()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        if let Ok(stream) = acceptor.accept(stream).await {
            serve(stream).await;
        }
    });

    let tls = Tls::builder().roots_pem(made.cert.pem()).build().unwrap();
    let client = client_of(http(Net::new().tls(tls)), 1);
    let uri = format!("https://127.0.0.1:{port}/").parse().unwrap();
    within(client.get(uri)).await
}

async fn serve(mut stream: TlsStream<tokio::net::TcpStream>) {
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
