//! H8, L1: an upgraded connection, a websocket for example, counts against the limits like any other.

#![allow(clippy::unwrap_used)]

use http::Request;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Peer, Server, client, eventually, exchange, within};

const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello";

#[tokio::test]
async fn what_is_spoken_on_it_reaches_the_peer_and_back() {
    let (server, client, response, mut peer) = switched().await;
    let upgraded = within(hyper::upgrade::on(response)).await.unwrap();
    let mut upgraded = TokioIo::new(upgraded);
    let mut greeting = [0; 5];
    within(upgraded.read_exact(&mut greeting)).await.unwrap();
    assert_eq!(&greeting, b"hello", "it came with the head");
    upgraded.write_all(b"hello yourself").await.unwrap();
    assert_eq!(peer.read(14).await, "hello yourself");

    let next = tokio::spawn(client.get(server.uri("/")));
    eventually("it waits for its turn", || {
        client.manager().totals().waiting == 1
    })
    .await;
    assert_eq!(client.manager().totals().leased, 1);
    upgraded.shutdown().await.unwrap();
    peer.closed().await;
    drop(upgraded);
    let mut peer = server.accept().await;
    peer.serve(crate::support::ok("next")).await;
    within(next).await.unwrap().unwrap();
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn nobody_wants_it() {
    let (_server, client, response, mut peer) = switched().await;
    drop(response);
    peer.closed().await;
    eventually("gone", || client.manager().totals().open == 0).await;
}

async fn switched() -> (
    Server,
    keepalive_http::Client,
    http::Response<keepalive_http::Body>,
    Peer,
) {
    let (server, client) = (Server::start().await, client(1));
    let request = Request::get(server.uri("/"))
        .header("connection", "upgrade")
        .header("upgrade", "echo")
        .body(String::new())
        .unwrap();
    let (response, peer) = exchange(client.request(request), server.serve(SWITCHING)).await;
    (server, client, response.unwrap(), peer)
}
