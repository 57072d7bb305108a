//! H4: the connection is used again, once its response has truly ended.

#![allow(clippy::unwrap_used)]

use keepalive::FromCache;

use crate::support::{Server, allocation, client, exchange, ok, text};

#[tokio::test]
async fn all_of_it_has_arrived() {
    check(&ok("all of it"), "").await;
}

#[tokio::test]
async fn half_of_it_comes_later() {
    check("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf", "half").await;
}

#[tokio::test]
async fn it_comes_in_chunks() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nha";
    check(head, "lf\r\n0\r\n\r\n").await;
}

async fn check(first: &str, later: &str) {
    let (server, client) = (Server::start().await, client(1));
    let client = client.rest(64 * 1024, std::time::Duration::MAX);
    let (response, mut peer) = exchange(client.get(server.uri("/")), server.serve(first)).await;
    drop(response.unwrap());
    assert_eq!(
        client.manager().totals().leased,
        1,
        "until the rest is read"
    );

    let serve = async {
        peer.send(later).await;
        peer.serve(ok("two")).await
    };
    let (response, _) = exchange(client.get(server.uri("/")), serve).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, Some(FromCache::Deferred));
    assert_eq!(text(response).await, "two");
}
