//! H5: hyper publishes the end of a body a little before it takes the next request. On several
//! threads that little is enough for 'connection was not ready', or for a connection too many.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, allocation, client, ok, text, within};
use keepalive::FromCache;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_back_only_when_it_is_ready() {
    check(ok("one")).await;
    check(CHUNKED.to_owned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_body_too() {
    check(ok("")).await;
}

async fn check(answer: String) {
    let (server, client) = (Server::start().await, client(4));
    let uri = server.uri("/");
    tokio::spawn(async move {
        let mut peer = server.accept().await;
        loop {
            peer.serve(&answer).await;
        }
    });
    text(within(client.get(uri.clone())).await.unwrap()).await;
    for _ in 0..2_000 {
        let response = within(client.get(uri.clone())).await.unwrap();
        assert_eq!(allocation(&response).from_cache, Some(FromCache::Immediate));
        assert_eq!(allocation(&response).resent, 0);
        text(response).await;
    }
}
