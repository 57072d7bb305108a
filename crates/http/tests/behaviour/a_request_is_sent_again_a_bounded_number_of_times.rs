//! B11: a server that closes all connections it has does not make us try for ever.

#![allow(clippy::unwrap_used)]

use crate::support::{Peer, Server, allocation, client, exchange, ok, text};
use keepalive_http::Client;

#[tokio::test]
async fn a_request_is_sent_again_a_bounded_number_of_times() {
    let (server, client) = (Server::start().await, client(2).retries(1));
    let peers = two_idle(&server, &client).await;
    let (response, ()) = exchange(client.get(server.uri("/")), fail(peers)).await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "response");
    assert_eq!(error.resent(), 1);
    assert!(error.to_string().contains("again once"), "{error}");
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn until_a_connection_answers() {
    let (server, client) = (Server::start().await, client(2));
    let peers = two_idle(&server, &client).await;
    let serve = async {
        fail(peers).await;
        server.serve(ok("at last")).await
    };
    let (response, _peer) = exchange(client.get(server.uri("/")), serve).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).resent, 2);
    assert_eq!(text(response).await, "at last");
}

/// Two connections that have served a request each; the one that is used next is the last.
async fn two_idle(server: &Server, client: &Client) -> [Peer; 2] {
    let (one, first) = exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    let (two, second) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    text(one.unwrap()).await;
    text(two.unwrap()).await;
    [first, second]
}

/// Lets a request fail on each.
async fn fail(peers: [Peer; 2]) {
    for mut peer in peers.into_iter().rev() {
        peer.request().await;
    }
}
