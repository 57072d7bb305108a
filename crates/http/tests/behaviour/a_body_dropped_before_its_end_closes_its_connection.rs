//! B9: what is left of a response must not become the next one.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, exchange, ok, text};
use http_body_util::BodyExt;

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
async fn though_all_of_it_has_arrived() {
    check(&ok("all of it"), false).await;
}

async fn check(answer: &str, read: bool) {
    let (server, client) = (Server::start().await, client(1));
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
