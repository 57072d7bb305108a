use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::Client;

use crate::support::{Peer, Server, Told, builder, client, exchange, get, ok, text};

/// Has an exchange, after which the connection is idle.
async fn fetch(server: &Server, client: &Client<Told, Empty<Bytes>>) -> Peer {
    let ask = client.request(get(server.uri("/a")));
    let (response, peer) = exchange(ask, server.serve(ok("a body"))).await;
    assert_eq!(text(response.unwrap()).await, "a body");
    peer
}

#[tokio::test]
async fn as_the_client_is_dropped() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    let mut peer = fetch(&server, &client).await;
    assert_eq!(connector.closed(), 0);
    drop(client);
    connector.until_closed(1).await;
    peer.closed().await;
}

#[tokio::test]
async fn as_the_server_closes() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    drop(fetch(&server, &client).await);
    connector.until_closed(1).await;
    assert_eq!(client.manager().unwrap().stats().total.open, 0);
}

#[tokio::test]
async fn at_once_where_none_are_to_be_kept() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = builder().pool_max_idle_per_host(0).build(connector.clone());
    let mut peer = fetch(&server, &client).await;
    connector.until_closed(1).await;
    peer.closed().await;
}

#[tokio::test]
async fn in_time() {
    let server = Server::start().await;
    let connector = Told::new();
    let time = Duration::from_millis(10);
    let client = builder().pool_idle_timeout(time).build(connector.clone());
    let mut peer = fetch(&server, &client).await;
    connector.until_closed(1).await;
    peer.closed().await;
}
