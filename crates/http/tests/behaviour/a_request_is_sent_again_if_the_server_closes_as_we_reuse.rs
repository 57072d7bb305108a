//! H1: the server closes an idle connection in the moment in which we use it again.

#![allow(clippy::unwrap_used)]

use crate::support::{Peer, Server, allocation, client, exchange, ok, text};
use keepalive::FromCache;

#[tokio::test]
async fn with_a_fin() {
    check(drop).await;
}

#[tokio::test]
async fn with_a_reset() {
    check(Peer::reset).await;
}

async fn check(close: fn(Peer)) {
    let (server, client) = (Server::start().await, client(1));
    let (response, mut peer) =
        exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    assert_eq!(text(response.unwrap()).await, "one");

    let serve = async {
        let first = peer.request().await;
        close(peer);
        let mut peer = server.accept().await;
        assert_eq!(peer.serve(ok("two")).await, first);
        peer
    };
    let (response, mut peer) = exchange(client.get(server.uri("/2")), serve).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).resent, 1);
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(text(response).await, "two");

    let (response, _) = exchange(client.get(server.uri("/3")), peer.serve(ok("three"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).resent, 0);
    assert_eq!(allocation(&response).from_cache, Some(FromCache::Immediate));
}
