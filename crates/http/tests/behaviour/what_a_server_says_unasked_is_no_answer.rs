//! C3, RFC 9110 section 15.5.9: a server may send a 408 on an idle connection, and close it. The
//! 408 is not the answer to the next request.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, exchange, ok, text};

const TIMEOUT: &str =
    "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn before_the_next_request() {
    let (server, client) = (Server::start().await, client(1));
    let (response, mut peer) =
        exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    assert_eq!(text(response.unwrap()).await, "one");
    peer.send(TIMEOUT).await;
    peer.closed().await;

    let (response, _peer) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    let response = response.unwrap();
    assert_eq!(
        (response.status(), allocation(&response).from_cache),
        (http::StatusCode::OK, None)
    );
    assert_eq!(text(response).await, "two");
}

#[tokio::test]
async fn while_the_next_request_is_made() {
    let (server, client) = (Server::start().await, client(1));
    let (response, mut peer) =
        exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    assert_eq!(text(response.unwrap()).await, "one");
    peer.send(TIMEOUT).await;
    drop(peer);

    let (response, _peer) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    let response = response.unwrap();
    assert_eq!(response.status(), http::StatusCode::OK);
    assert_eq!(text(response).await, "two");
}

// It announces that it will close at once, and does.
#[tokio::test]
async fn a_server_that_keeps_nothing_alive_is_asked_on_a_new_connection() {
    let (server, client) = (Server::start().await, client(1));
    let answer = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=0\r\ncontent-length: 3\r\n\r\none";
    let (response, peer) = exchange(client.get(server.uri("/1")), server.serve(answer)).await;
    assert_eq!(text(response.unwrap()).await, "one");
    drop(peer);

    let (response, _peer) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(text(response).await, "two");
}
