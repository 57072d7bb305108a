//! H3, RFC 9112 section 6.3: if two parties could find the end of a body in two places, the bytes
//! between are never the next answer.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, exchange, ok, text};
use http_body_util::BodyExt;

#[tokio::test]
async fn a_length_besides_chunks_does_not_count() {
    let (server, client) = (Server::start().await, client(1));
    // A client that used the length would read the end of the chunks as the next answer.
    let chunks = "0\r\n\r\n".to_owned() + &ok("smuggled");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
    );
    let (response, mut peer) = exchange(client.get(server.uri("/1")), server.serve(answer)).await;
    match response {
        Ok(response) => assert_eq!(text(response).await, ""),
        Err(error) => assert_eq!(error.function(), "response"),
    }
    peer.closed().await;
    next_is_right(&server, &client).await;
}

#[tokio::test]
async fn lengths_that_differ_or_make_no_sense_are_an_error() {
    for lengths in [
        "content-length: 3\r\ncontent-length: 4",
        "content-length: 3, 4",
        "content-length: -3",
        "content-length: +3",
        "content-length: 99999999999999999999999",
        "content-length: three",
    ] {
        let (server, client) = (Server::start().await, client(1));
        let answer = format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nabcd");
        let (response, mut peer) =
            exchange(client.get(server.uri("/1")), server.serve(answer)).await;
        let error = response.expect_err(lengths);
        assert_eq!(error.function(), "response", "{lengths}: {error}");
        peer.closed().await;
        next_is_right(&server, &client).await;
    }
}

#[tokio::test]
async fn a_chunk_whose_size_makes_no_sense_is_an_error() {
    for size in ["-1", "+1", "0x1", "fffffffffffffffff", ""] {
        let (server, client) = (Server::start().await, client(1));
        let answer = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size}\r\na\r\n0\r\n\r\n"
        );
        let (response, mut peer) =
            exchange(client.get(server.uri("/1")), server.serve(answer)).await;
        let body = response.unwrap().into_body().collect().await;
        assert_eq!(body.expect_err(size).function(), "body", "{size}");
        peer.closed().await;
        next_is_right(&server, &client).await;
    }
}

async fn next_is_right(server: &Server, client: &keepalive_http::Client) {
    let (response, _peer) = exchange(client.get(server.uri("/2")), server.serve(ok("two"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(text(response).await, "two");
}
