//! H3, RFC 9112, section 6.3: a response to `HEAD` has no body, whatever its header announces. A
//! body sent nevertheless is not the next answer.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, exchange, ok, text};

#[tokio::test]
async fn a_server_that_keeps_to_it_is_asked_again_on_the_same_connection() {
    let (server, client) = (Server::start().await, client(1));
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    let (response, mut peer) = exchange(client.head(server.uri("/1")), server.serve(answer)).await;
    assert_eq!(text(response.unwrap()).await, "");

    let (response, _) = exchange(client.get(server.uri("/2")), peer.serve(ok("two"))).await;
    let response = response.unwrap();
    assert!(allocation(&response).from_cache.is_some());
    assert_eq!(text(response).await, "two");
}

#[tokio::test]
async fn a_server_that_sends_a_body_is_not_asked_again_on_that_connection() {
    for body in ["hello", &ok("smuggled")] {
        let (server, client) = (Server::start().await, client(1));
        let (response, mut peer) =
            exchange(client.head(server.uri("/1")), server.serve(ok(body))).await;
        assert_eq!(text(response.unwrap()).await, "");
        peer.closed().await;

        let (response, _peer) =
            exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
        let response = response.unwrap();
        assert_eq!(allocation(&response).from_cache, None);
        assert_eq!(text(response).await, "two");
    }
}
