//! H2: a server that closes all its connections does not make the client retry for ever.

#![allow(clippy::unwrap_used)]

use crate::support::{Peer, Server, allocation, client, exchange, ok, text};
use keepalive_http::Client;

#[tokio::test]
async fn a_request_is_sent_again_a_bounded_number_of_times() {
    let (server, client) = (Server::start().await, client(2).retries(1));
    let [mut left, used] = idle(&server, &client).await;
    let fail = async {
        fail([used]).await;
        left.closed().await;
        fail([server.accept().await]).await;
    };
    let (response, ()) = exchange(client.get(server.uri("/")), fail).await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "response");
    assert_eq!(error.resent(), 1);
    assert!(error.to_string().contains("again once"), "{error}");
    assert_eq!(client.manager().totals().opened, 3);
}

#[tokio::test]
async fn the_last_time_on_none_that_was_idle() {
    let (server, client) = (Server::start().await, client(3).retries(1));
    let [mut first, mut second, used] = idle(&server, &client).await;
    let serve = async {
        fail([used]).await;
        first.closed().await;
        second.closed().await;
        server.serve(ok("at last")).await
    };
    let (response, _peer) = exchange(client.get(server.uri("/")), serve).await;
    let response = response.unwrap();
    let answered = allocation(&response);
    assert_eq!((answered.resent, answered.from_cache), (1, None));
    assert_eq!(text(response).await, "at last");
}

#[tokio::test]
async fn until_a_connection_answers() {
    let (server, client) = (Server::start().await, client(2));
    let peers: [Peer; 2] = idle(&server, &client).await;
    let serve = async {
        fail(peers).await;
        server.serve(ok("at last")).await
    };
    let (response, _peer) = exchange(client.get(server.uri("/")), serve).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).resent, 2);
    assert_eq!(text(response).await, "at last");
}

/// Connections that have served a request each; the one that is used next is the last.
async fn idle<const N: usize>(server: &Server, client: &Client) -> [Peer; N] {
    let (mut peers, mut responses) = (Vec::new(), Vec::new());
    for _ in 0..N {
        let (response, peer) = exchange(client.get(server.uri("/")), server.serve(ok("one"))).await;
        peers.push(peer);
        responses.push(response.unwrap());
    }
    for response in responses {
        text(response).await;
    }
    peers.try_into().ok().unwrap()
}

/// Lets a request fail on each, the last first.
async fn fail<const N: usize>(peers: [Peer; N]) {
    for mut peer in peers.into_iter().rev() {
        peer.request().await;
    }
}
