//! H3: a client would read bytes left on a reused connection as the next response.

use crate::support::{Server, allocation, client, exchange, ok, text};

#[tokio::test]
async fn sent_together_with_the_response() {
    let (server, client) = (Server::start().await, client(1));
    let two = ok("one") + &ok("smuggled");
    let (response, mut peer) = exchange(client.get(server.uri("/1")), server.serve(&two)).await;
    assert_eq!(text(response.unwrap()).await, "one");
    peer.closed().await;

    let (response, _peer) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    assert_eq!(text(response.unwrap()).await, "two");
}

// The client's reactor has not polled yet: only the kernel knows of the bytes.
#[tokio::test]
async fn sent_just_before_the_next_request() {
    let (server, client) = (Server::start().await, client(1));
    let (response, mut peer) =
        exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    assert_eq!(text(response.unwrap()).await, "one");

    peer.send(&ok("smuggled")).await;
    let (response, _peer) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    assert_eq!(text(response.unwrap()).await, "two");
    peer.closed().await;
}

/// Nothing was sent on it.
#[tokio::test]
async fn and_the_connection_that_has_them_costs_no_try() {
    let (server, client) = (Server::start().await, client(1).retries(0));
    let (response, mut peer) =
        exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    assert_eq!(text(response.unwrap()).await, "one");

    peer.send(&ok("smuggled")).await;
    let (response, _peer) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).resent, 0);
    assert_eq!(text(response).await, "two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_threads_do() {
    for _ in 0..200 {
        let (server, client) = (Server::start().await, client(1));
        let (response, mut peer) =
            exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
        assert_eq!(text(response.unwrap()).await, "one");

        peer.send(&ok("smuggled")).await;
        let (response, _peer) =
            exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
        assert_eq!(text(response.unwrap()).await, "two");
    }
}
