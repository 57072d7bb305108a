//! H4: the rest of a response must not become the next one.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, exchange, ok, text};
use http_body_util::BodyExt;
use keepalive_http::Client;
use std::time::Duration;

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
const WHOLE_CHUNKS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";

#[tokio::test]
async fn before_anything_is_read() {
    check(HALF, false).await;
}

#[tokio::test]
async fn half_read() {
    check(HALF, true).await;
    check(WHOLE_CHUNKS, true).await;
}

#[tokio::test]
async fn though_all_of_it_has_arrived_if_nothing_is_to_be_read() {
    for client in [
        client(1).rest(0, Duration::from_secs(10)),
        client(1).rest(1 << 20, Duration::ZERO),
        client(1).rest(8, Duration::from_secs(10)),
    ] {
        check_with(client, &ok("all of it"), false).await;
    }
}

#[tokio::test]
async fn at_once_if_much_is_missing() {
    let client = client(1).rest(64 * 1024, Duration::MAX);
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n";
    check_with(client, head, false).await;
}

#[tokio::test]
async fn as_soon_as_more_comes_than_is_to_be_read() {
    let client = client(1).rest(100, Duration::MAX);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n65\r\n{:0101}",
        0
    );
    check_with(client, &answer, false).await;
}

async fn check(answer: &str, read: bool) {
    check_with(client(1), answer, read).await;
}

async fn check_with(client: Client, answer: &str, read: bool) {
    let server = Server::start().await;
    let (response, mut peer) = exchange(client.get(server.uri("/")), server.serve(answer)).await;
    let mut body = response.unwrap().into_body();
    if read {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "half");
    }
    drop(body);
    peer.closed().await;

    let (response, _peer) = exchange(client.get(server.uri("/")), server.serve(ok("two"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(text(response).await, "two");
}
