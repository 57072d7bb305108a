//! H5: the client closes a connection after a response that announces the close.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, exchange, ok, text};
use http::Request;

#[tokio::test]
async fn after_connection_close() {
    check("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\none").await;
}

#[tokio::test]
async fn after_connection_close_and_no_body() {
    check("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
}

#[tokio::test]
async fn after_http_1_0() {
    check("HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\none").await;
}

#[tokio::test]
async fn nor_one_that_was_asked_to_close() {
    let (server, client) = (Server::start().await, client(1));
    let request = Request::get(server.uri("/")).header("connection", "close");
    let request = client.request(request.body(String::new()).unwrap());
    let (response, mut peer) = exchange(request, server.serve(ok("one"))).await;
    assert_eq!(text(response.unwrap()).await, "one");
    peer.closed().await;
}

/// The client closes by itself: this server never does.
async fn check(answer: &str) {
    let (server, client) = (Server::start().await, client(1));
    let (response, mut peer) = exchange(client.get(server.uri("/")), server.serve(answer)).await;
    text(response.unwrap()).await;
    peer.closed().await;

    let (response, _peer) = exchange(client.get(server.uri("/")), server.serve(ok("two"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(text(response).await, "two");
}
