//! X1: what a peer sends costs bounded memory.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, client, exchange};

#[tokio::test]
async fn one_of_too_many_bytes() {
    check(&format!(
        "HTTP/1.1 200 OK\r\nlong: {}",
        "x".repeat(64 * 1024)
    ))
    .await;
}

#[tokio::test]
async fn one_of_too_many_fields() {
    check(&format!(
        "HTTP/1.1 200 OK\r\n{}\r\n",
        "a: b\r\n".repeat(101)
    ))
    .await;
}

async fn check(answer: &str) {
    let (server, client) = (Server::start().await, client(1));
    let (response, mut peer) = exchange(client.get(server.uri("/")), server.serve(answer)).await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "response");
    assert!(error.error_str().contains("too large"), "{error}");
    peer.closed().await;
}
