//! R2: `https` is TLS, on connections that are kept like any other, and never clear text.

use keepalive::{NetConnector, Tls};
use keepalive_http::Http;

use crate::support::tls::TlsServer;
use crate::support::{Peer, Server, client_of, exchange, ok, text, within};

#[tokio::test]
async fn two_responses_of_https_come_over_one_session() {
    let server = TlsServer::start(&[]).await;
    let (client, uri) = (client_of(Http::over(server.net()), 1), server.uri());
    tokio::spawn(async move {
        let mut peer = Peer::new(server.next().await);
        while peer.head().await.is_some() {
            peer.send(&ok("hello")).await;
        }
    });
    for _ in 0..2 {
        let response = within(client.get(uri.clone())).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(text(response).await, "hello");
    }
    assert_eq!(client.manager().totals().opened, 1);
}

#[tokio::test]
async fn a_server_in_clear_text_is_an_error_of_https() {
    let server = Server::start().await;
    let tls = Tls::builder().danger_accept_any_certificate().build();
    let net = NetConnector::new().tls(tls.unwrap());
    let client = client_of(Http::over(net), 1);
    let asked = client.get(format!("https://127.0.0.1:{}/", server.port()));
    let serve = async {
        let mut peer = server.accept().await;
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer
    };
    let (response, _peer) = exchange(asked, serve).await;
    let error = response.unwrap_err();
    assert_eq!(error.allocate().unwrap().function(), "tls");
    assert_eq!(client.manager().totals().opened, 0);
}
