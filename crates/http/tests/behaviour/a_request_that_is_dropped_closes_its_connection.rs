//! H4: an exchange that was begun and not finished leaves nothing behind for the next.

#![allow(clippy::unwrap_used)]

use crate::support::{Peer, Server, allocation, client, exchange, ok, text};
use keepalive_http::{Client, Error};

#[tokio::test]
async fn sent_on_a_fresh_connection() {
    let (server, client) = (Server::start().await, client(1));
    let request = client.get(server.uri("/1"));
    let sent = async {
        let mut peer = server.accept().await;
        peer.request().await;
        peer
    };
    let peer = abandon(request, sent).await;
    check(&server, &client, peer).await;
}

#[tokio::test]
async fn sent_on_a_reused_connection() {
    let (server, client) = (Server::start().await, client(1));
    let (response, mut peer) =
        exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    text(response.unwrap()).await;
    let request = client.get(server.uri("/2"));
    let sent = async {
        peer.request().await;
        peer
    };
    let peer = abandon(request, sent).await;
    check(&server, &client, peer).await;
}

#[tokio::test]
async fn half_answered() {
    let (server, client) = (Server::start().await, client(1));
    let request = client.get(server.uri("/1"));
    let peer = abandon(request, server.serve("HTTP/1.1 200")).await;
    check(&server, &client, peer).await;
}

#[tokio::test]
async fn and_one_that_was_never_polled_disturbs_nothing() {
    let (server, client) = (Server::start().await, client(1));
    drop(client.get(server.uri("/1")));
    assert_eq!(client.manager().totals().waiting, 0);
    let (response, _peer) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    assert_eq!(text(response.unwrap()).await, "two");
}

/// Drops a request as soon as something has happened.
async fn abandon<R, T>(
    request: impl Future<Output = Result<R, Error>>,
    happened: impl Future<Output = T>,
) -> T {
    tokio::select! {
        result = request => panic!("answered: {:?}", result.err()),
        value = happened => value,
    }
}

async fn check(server: &Server, client: &Client, mut peer: Peer) {
    peer.closed().await;
    let (response, _peer) = exchange(client.get(server.uri("/3")), server.serve(ok("three"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(text(response).await, "three");
}
