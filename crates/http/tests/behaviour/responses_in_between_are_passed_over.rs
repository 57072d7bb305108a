//! RFC 9110, section 15.2: any number of 1xx responses may come before the answer; a server that
//! sends nothing else holds up its own request, until that is dropped.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use crate::support::{Peer, Server, allocation, client, exchange, ok, text};
use tokio::time::timeout;

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

#[tokio::test]
async fn the_answer_comes_after_a_thousand_of_them() {
    let (server, client) = (Server::start().await, client(1));
    let answer =
        CONTINUE.repeat(1000) + "HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n" + &ok("one");
    let (response, mut peer) = exchange(client.get(server.uri("/1")), server.serve(answer)).await;
    assert_eq!(text(response.unwrap()).await, "one");

    let (response, _) = exchange(client.get(server.uri("/2")), peer.serve(ok("two"))).await;
    let response = response.unwrap();
    assert!(allocation(&response).from_cache.is_some());
    assert_eq!(text(response).await, "two");
}

#[tokio::test]
async fn a_flood_ends_with_the_request() {
    let (server, client) = (Server::start().await, client(1));
    let flood = async {
        let mut peer: Peer = server.accept().await;
        peer.request().await;
        let flood = CONTINUE.repeat(1000);
        while peer.try_send(&flood).await.is_ok() {}
    };
    let ask = timeout(Duration::from_millis(100), client.get(server.uri("/1")));
    let (response, ()) = exchange(ask, flood).await;
    assert!(response.is_err(), "nothing was answered");

    let (response, _peer) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    assert_eq!(text(response.unwrap()).await, "two");
}
