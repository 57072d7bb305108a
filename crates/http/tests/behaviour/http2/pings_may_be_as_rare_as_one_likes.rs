//! No time between pings, or for their answers, is too long.

use std::time::Duration;

use keepalive_http::Http;

use super::server::{PING, Server, ask, client_of};
use crate::support::within;

#[tokio::test]
async fn a_ping_that_is_never_due_disturbs_nothing() {
    let http = Http::new().http2_only();
    let http = http.http2_keep_alive(Duration::MAX, Duration::MAX);
    let (server, client) = (Server::start().await, client_of(http, 1));
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    assert_eq!(within(asked).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn an_answer_to_one_may_take_for_ever() {
    let http = Http::new().http2_only();
    let http = http.http2_keep_alive(Duration::from_millis(50), Duration::MAX);
    let (server, client) = (Server::start().await, client_of(http, 1));
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.next(PING).await;
    peer.answer(stream).await;
    assert_eq!(within(asked).await.unwrap().unwrap().status(), 200);
}
