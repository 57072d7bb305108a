//! Half a body is never taken for a whole one.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, exchange, ok, within};
use http_body_util::BodyExt;

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
const NO_CHUNK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno chunk\r\n";

#[tokio::test]
async fn a_body_cut_short_is_an_error() {
    check(HALF).await;
}

#[tokio::test]
async fn and_so_is_a_chunk_that_is_none() {
    check(NO_CHUNK).await;
}

async fn check(answer: &str) {
    let (server, client) = (Server::start().await, client(1));
    let (response, peer) = exchange(client.get(server.uri("/")), server.serve(answer)).await;
    drop(peer);
    let error = within(response.unwrap().into_body().collect())
        .await
        .unwrap_err();
    assert_eq!(error.function(), "body");
    let tried = format!("GET http://127.0.0.1:{}: body: ", server.port());
    assert!(error.to_string().starts_with(&tried), "{error}");

    let (response, _peer) = exchange(client.get(server.uri("/")), server.serve(ok(""))).await;
    assert_eq!(allocation(&response.unwrap()).from_cache, None);
}
