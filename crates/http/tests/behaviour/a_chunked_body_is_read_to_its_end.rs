//! A chunked body ends with its last chunk and its trailers, not with the connection.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, exchange, ok};
use http_body_util::BodyExt;
use keepalive::FromCache;

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: sum\r\n\r\n";

#[tokio::test]
async fn a_chunked_body_is_read_to_its_end() {
    check("4\r\nin p\r\n4\r\narts\r\n0\r\n\r\n", None).await;
}

#[tokio::test]
async fn with_its_trailers() {
    check("8\r\nin parts\r\n0\r\nsum: 42\r\n\r\n", Some("42")).await;
}

async fn check(chunks: &str, sum: Option<&str>) {
    let (server, client) = (Server::start().await, client(1));
    let (response, mut peer) = exchange(client.get(server.uri("/")), server.serve(HEAD)).await;
    let response = response.unwrap();

    let (body, ()) = exchange(response.into_body().collect(), peer.send(chunks)).await;
    let body = body.unwrap();
    let trailer = body
        .trailers()
        .map(|trailers| trailers["sum"].to_str().unwrap());
    assert_eq!(trailer, sum);
    assert_eq!(body.to_bytes(), "in parts");

    let (response, _) = exchange(client.get(server.uri("/")), peer.serve(ok(""))).await;
    assert_eq!(
        allocation(&response.unwrap()).from_cache,
        Some(FromCache::Immediate)
    );
}
