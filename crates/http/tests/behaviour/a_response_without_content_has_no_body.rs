//! H3, RFC 9112, section 6.3: 204 and 304 have no body. Bytes after their head are not an answer.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, exchange, ok, text};

#[tokio::test]
async fn and_what_follows_it_is_not_the_next_answer() {
    for status in ["204 No Content", "304 Not Modified"] {
        let (server, client) = (Server::start().await, client(1));
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\n{}",
            ok("smuggled")
        );
        let (response, mut peer) =
            exchange(client.get(server.uri("/1")), server.serve(answer)).await;
        assert_eq!(text(response.unwrap()).await, "");
        peer.closed().await;

        let (response, _peer) =
            exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
        let response = response.unwrap();
        assert_eq!(allocation(&response).from_cache, None);
        assert_eq!(text(response).await, "two");
    }
}
