//! R2: `https` is TLS, on connections that are kept like any other, and never clear text.

use std::sync::Arc;

use http_body_util::BodyExt;
use keepalive::rustls::ServerConfig;
use keepalive::rustls::crypto::ring;
use keepalive::{Manager, NetConnector, Tls};
use keepalive_http::{Client, Http};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Server, within};

#[tokio::test]
async fn two_responses_come_over_one_session() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let stream = acceptor.accept(stream).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.is_empty() {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
                lines.get_mut().write_all(answer).await.unwrap();
                lines.get_mut().flush().await.unwrap();
            }
        }
    });

    let tls = Tls::builder().roots_pem(made.cert.pem()).build().unwrap();
    let client = client(tls);
    for _ in 0..2 {
        let uri: String = format!("https://127.0.0.1:{port}/");
        let response = within(client.get(uri)).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = within(response.into_body().collect()).await.unwrap();
        assert_eq!(body.to_bytes(), "hello");
    }
    assert_eq!(client.manager().totals().opened, 1);
}

#[tokio::test]
async fn a_server_in_clear_text_is_an_error() {
    let server = Server::start().await;
    let tls = Tls::builder().danger_accept_any_certificate().build();
    let client = client(tls.unwrap());
    let uri = format!("https://127.0.0.1:{}/", server.port());
    let (error, _peer) = tokio::join!(within(client.get(uri)), async {
        let mut peer = server.accept().await;
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer
    });
    let error = error.unwrap_err();
    assert_eq!(error.allocate().unwrap().function(), "tls");
    assert_eq!(client.manager().totals().opened, 0);
}

fn client(tls: Tls) -> Client<NetConnector> {
    let http = Http::over(NetConnector::new().tls(tls));
    let manager = Manager::builder().connector(http).build();
    Client::new(manager.expect("settings that work"))
}
