//! H10: a server announces by a GOAWAY that it will close (RFC 9113, section 6.8).

#![allow(clippy::unwrap_used)]

use super::server::{Server, ask, client};
use crate::support::{allocation, eventually, text, within};

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

/// A graceful shutdown sends two GOAWAYs: a warning, then one with the last stream that it serves.
#[tokio::test]
async fn a_second_one_sends_again_what_comes_after_the_last_stream_alone() {
    let (server, client) = (Server::start().await, client(2));
    let mut asked = vec![ask(&client, server.uri("/"))];
    let mut old = server.accept(10).await;
    let mut streams = vec![old.request().await];
    old.begin(streams[0]).await;
    for _ in 0..2 {
        asked.push(ask(&client, server.uri("/")));
        streams.push(old.request().await);
    }
    old.goaway_after(u32::MAX >> 1).await;
    old.goaway_after(streams[1]).await;

    let mut new = server.accept(10).await;
    let again = new.request().await;
    old.answer(streams[1]).await;
    old.end(streams[0], "the rest").await;
    new.answer(again).await;
    let mut resent = Vec::new();
    for asked in asked {
        let response = within(asked).await.unwrap().unwrap();
        resent.push(allocation(&response).resent);
        text(response).await;
    }
    assert_eq!(resent, [0, 0, 1]);
    assert_eq!(client.manager().totals().opened, 2);
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
