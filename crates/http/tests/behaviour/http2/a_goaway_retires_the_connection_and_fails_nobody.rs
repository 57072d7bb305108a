//! A server that is about to close says so (RFC 9113, section 6.8).

use super::server::{Server, ask, client};
use crate::support::{eventually, text, within};

#[tokio::test]
async fn what_is_under_way_goes_on_and_the_next_gets_another() {
    let (server, client) = (Server::start().await, client(2));
    let first = ask(&client, server.uri("/"));
    let mut old = server.accept(10).await;
    let stream = old.request().await;
    old.begin(stream).await;
    let first = within(first).await.unwrap().unwrap();
    old.goaway().await;

    let second = ask(&client, server.uri("/"));
    let mut new = server.accept(10).await;
    let other = new.request().await;
    new.answer(other).await;
    within(second).await.unwrap().unwrap();

    old.end(stream, "the rest").await;
    assert_eq!(text(first).await, "the rest");
    eventually("the old one is closed", || {
        client.manager().totals().open == 1
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_at_once() {
    let (server, client) = (Server::start().await, client(1));
    let first = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(first).await.unwrap().unwrap();
    assert_eq!(client.manager().totals().idle, 1);

    peer.goaway().await;
    peer.ignored().await;
    eventually("gone", || client.manager().totals().open == 0).await;
}
