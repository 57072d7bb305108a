//! H13: after a reset with HTTP_1_1_REQUIRED, the client sends the request by HTTP/1.1 (RFC 9113,
//! section 7).

#![allow(clippy::unwrap_used)]

use http::{Request, Version};
use keepalive_http::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::server::{HTTP_1_1_REQUIRED, Peer, Server, ask, client, client_of};
use super::tls::TlsServer;
use crate::support::{allocation, ok, within};

#[tokio::test]
async fn once_and_from_then_on() {
    let server = TlsServer::start(&["h2", "http/1.1"]).await;
    let client = client_of(Http::over(server.net()), 1);
    let order = Request::post(server.uri()).body("an order".to_owned());
    let asked = tokio::spawn(client.request(order.unwrap()));
    let mut peer = Peer::greet(within(server.next()).await, 10).await;
    let stream = peer.request().await;
    peer.reset(stream, HTTP_1_1_REQUIRED).await;

    let mut tls = within(server.next()).await;
    answer(&mut tls, "an order").await;
    let response = within(asked).await.unwrap().unwrap();
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(allocation(&response).resent, 1);
    drop(response);
    drop(tls);

    let asked = ask(&client, server.uri());
    let mut tls = within(server.next()).await;
    answer(&mut tls, "").await;
    let response = within(asked).await.unwrap().unwrap();
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(allocation(&response).resent, 0);
}

#[tokio::test]
async fn but_not_where_nothing_but_http_2_is_wanted() {
    let (server, client) = (Server::start().await, client(1));
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.reset(stream, HTTP_1_1_REQUIRED).await;
    let error = within(asked).await.unwrap().unwrap_err();
    assert_eq!((error.function(), error.resent()), ("response", 0));
}

async fn answer(tls: &mut TlsStream<TcpStream>, body: &str) {
    let mut request = Vec::new();
    while !request.ends_with(format!("\r\n\r\n{body}").as_bytes()) {
        request.push(within(tls.read_u8()).await.unwrap());
    }
    within(tls.write_all(ok("").as_bytes())).await.unwrap();
    within(tls.flush()).await.unwrap();
}
