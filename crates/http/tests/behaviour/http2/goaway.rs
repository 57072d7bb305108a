//! H10, RFC 9113, section 6.8: a server announces by a GOAWAY that it will close. C8: so does the
//! client.

use std::time::{Duration, Instant};

use super::frames::{ENHANCE_YOUR_CALM, GOAWAY, Server};
use super::{answered, ask, client, failed, order};
use crate::support::{allocation, eventually, text, within};

#[tokio::test]
async fn a_goaway_lets_exchanges_end_and_sends_the_next_by_another_connection() {
    let (server, client) = (Server::start().await, client(2));
    let (mut old, stream, first) = server.begun(&client).await;
    old.goaway().await;
    let _new = server.used(&client).await;
    old.end(stream, "the rest").await;
    assert_eq!(text(first).await, "the rest");
    let one_is_open = || client.manager().totals().open == 1;
    eventually("the old one is closed", one_is_open).await;
}

/// A graceful shutdown sends two GOAWAYs: a warning, then one with the last stream that it serves.
#[tokio::test]
async fn a_second_goaway_sends_only_the_requests_after_its_last_stream_again() {
    let (server, client) = (Server::start().await, client(2));
    let (mut old, stream, first) = server.begun(&client).await;
    let second = ask(&client, server.uri("/"));
    let last = old.request().await;
    let third = ask(&client, server.uri("/"));
    old.request().await;
    old.goaway_after(u32::MAX >> 1).await;
    old.goaway_after(last).await;

    let (mut new, again) = server.asked().await;
    old.answer(last).await;
    old.end(stream, "the rest").await;
    new.answer(again).await;
    for (response, resent) in [
        (first, 0),
        (answered(second).await, 0),
        (answered(third).await, 1),
    ] {
        assert_eq!(allocation(&response).resent, resent);
        text(response).await;
    }
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn a_goaway_closes_an_idle_connection_at_once() {
    let (server, client) = (Server::start().await, client(1));
    let mut peer = server.used(&client).await;
    assert_eq!(client.manager().totals().idle, 1);
    peer.goaway().await;
    peer.ignored().await;
    let closed = || client.manager().totals().open == 0;
    eventually("the connection is closed", closed).await;
}

// H1: a server has not processed streams after the last one that its GOAWAY names. Any such request
// is safe to send again, even one on a new connection.

#[tokio::test]
async fn a_post_that_a_goaway_passes_over_is_sent_again_on_another_connection() {
    let (server, client) = (Server::start().await, client(1));
    let asked = order(&client, server.uri("/"));
    let (mut peer, _) = server.asked().await;
    peer.goaway_after(0).await;
    let _peer = server.served().await;
    assert_eq!(allocation(&answered(asked).await).resent, 1);
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn a_post_that_a_goaway_includes_is_not_sent_again() {
    let (server, client) = (Server::start().await, client(1));
    let asked = order(&client, server.uri("/"));
    let (mut peer, _) = server.asked().await;
    peer.goaway().await;
    drop(peer);
    let error = failed(asked).await;
    assert_eq!((error.function(), error.resent()), ("response", 0));
}

#[tokio::test]
async fn a_post_that_goaways_pass_over_is_sent_again_no_more_often_than_retries_allow() {
    let (server, client) = (Server::start().await, client(1).retries(1));
    let asked = order(&client, server.uri("/"));
    for _ in 0..2 {
        let (mut peer, _) = server.asked().await;
        peer.goaway_after(0).await;
    }
    let error = failed(asked).await;
    assert_eq!((error.function(), error.resent()), ("response", 1));
}

#[tokio::test]
async fn a_post_that_a_goaway_for_an_error_passes_over_is_sent_again_after_a_pause() {
    let (server, client) = (Server::start().await, client(1));
    let mut peer = server.used(&client).await;
    let asked = order(&client, server.uri("/"));
    let stream = peer.request().await;
    let turned_away = Instant::now();
    peer.goaway_for(stream - 2, ENHANCE_YOUR_CALM).await;
    let (mut peer, stream) = server.asked().await;
    let waited = turned_away.elapsed();
    assert!(waited >= Duration::from_millis(10), "{waited:?}");
    peer.answer(stream).await;
    assert_eq!(allocation(&answered(asked).await).resent, 1);
}

#[tokio::test]
async fn a_client_sends_a_goaway_when_its_manager_shuts_down() {
    let (server, client) = (Server::start().await, client(1));
    let mut peer = server.used(&client).await;
    let down = tokio::spawn(client.manager().shutdown());
    assert_eq!(peer.next(GOAWAY).await.payload[4..8], [0; 4], "no error");
    assert!(peer.frame().await.is_none());
    within(down).await.unwrap();
    assert_eq!(client.manager().totals().open, 0);
}
