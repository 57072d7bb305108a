//! A peer that sends nothing any more, not even a FIN.

use std::time::Duration;

use keepalive_http::Http;

use super::server::{Server, ask, client_of};
use crate::support::{eventually, within};

#[tokio::test]
async fn an_idle_connection_is_closed_without_an_answer_to_a_ping() {
    let interval = Duration::from_millis(50);
    let http = Http::new()
        .http2_only()
        .http2_keep_alive(interval, interval);
    let (server, client) = (Server::start().await, client_of(http, 1));
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(asked).await.unwrap().unwrap();
    assert_eq!(client.manager().totals().idle, 1);

    peer.ignored().await;
    eventually("gone", || client.manager().totals().open == 0).await;
}
