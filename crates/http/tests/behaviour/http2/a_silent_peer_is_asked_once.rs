//! H11: when a connection stays silent, the client sends one ping. It replaces the connection if no
//! answer comes.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use keepalive::Manager;
use keepalive_http::{Client, Http};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::server::{PING, Peer, Server, ask, client_of};
use crate::support::wire::Wire;
use crate::support::{eventually, within};

const AFTER: Duration = Duration::from_millis(100);

fn http() -> Http {
    Http::new().http2_only().http2_silence(AFTER, AFTER)
}

/// Answers the first request of a connection.
async fn used(server: &Server, client: &Client) -> Peer {
    let asked = ask(client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(asked).await.unwrap().unwrap();
    peer
}

#[tokio::test]
async fn the_next_get_on_a_connection_whose_peer_is_gone_goes_to_another_in_time() {
    let server = Server::start().await;
    let client = client_of(http(), 1);
    let mut gone = used(&server, &client).await;
    let begun = Instant::now();
    let asked = ask(&client, server.uri("/"));
    let serve = async {
        let mut peer = server.accept(10).await;
        let stream = peer.request().await;
        peer.answer(stream).await;
        peer
    };
    // It reads, and answers nothing.
    let (_, _peer) = within(async { tokio::join!(gone.ignored(), serve) }).await;
    within(asked).await.unwrap().unwrap();
    assert!(begun.elapsed() >= 2 * AFTER);
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn one_that_answers_is_trusted_and_asked_no_more_while_it_is_silent() {
    let server = Server::start().await;
    let client = client_of(http(), 1);
    let mut peer = used(&server, &client).await;
    let asked = ask(&client, server.uri("/"));
    let stream = peer.request().await;
    // It is answered by `frame`.
    peer.next(PING).await;
    let again = timeout(8 * AFTER, peer.next(PING)).await;
    assert!(again.is_err(), "{again:?}");
    peer.answer(stream).await;
    within(asked).await.unwrap().unwrap();
    assert_eq!(client.manager().totals().opened, 1);
}

#[tokio::test]
async fn nothing_is_asked_without_exchanges_and_where_it_is_not_wanted() {
    let never = Http::new().http2_only().http2_silence(Duration::MAX, AFTER);
    for (http, has_exchange) in [(http(), false), (never, true)] {
        let server = Server::start().await;
        let client = client_of(http, 1);
        let mut peer = used(&server, &client).await;
        let mut asked = None;
        if has_exchange {
            asked = Some(ask(&client, server.uri("/")));
            peer.request().await;
        }
        let ping = timeout(6 * AFTER, peer.next(PING)).await;
        assert!(ping.is_err(), "{ping:?}");
        if let Some(asked) = asked {
            asked.abort();
        }
    }
}

#[tokio::test]
async fn a_request_given_up_in_silence_sends_the_next_to_another_connection_at_once() {
    let server = Server::start().await;
    // Nothing but that makes it suspect.
    let long = Duration::from_secs(60);
    let http = Http::new().http2_only().http2_silence(long, AFTER);
    let client = client_of(http, 2);
    let mut silent = used(&server, &client).await;
    let given_up = timeout(Duration::from_millis(1100), client.get(server.uri("/")));
    assert!(given_up.await.is_err());
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(asked).await.unwrap().unwrap();
    within(silent.ignored()).await;
    eventually("it is closed", || client.manager().totals().open == 1).await;
}

/// gRPC servers end a connection that sends more pings. Each request would be a reason for one.
#[tokio::test(start_paused = true)]
async fn one_that_says_nothing_else_is_asked_three_times_and_then_every_five_minutes() {
    let (wire, mut server) = Wire::new();
    let http = Http::over(wire).http2_only().http2_silence(AFTER, AFTER);
    let builder = Manager::builder().max_per_host(1).connector(http);
    let client = Client::new(builder.build().unwrap());
    let first = tokio::spawn(client.get("http://h.test/"));
    let mut peer = Peer::greet(server.recv().await.unwrap(), 200).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    first.await.unwrap().unwrap();

    let begun = Instant::now();
    let asking = tokio::spawn(async move {
        let mut asked = JoinSet::new();
        for _ in 0..130 {
            asked.spawn(client.get("http://h.test/"));
            sleep(APART).await;
        }
    });
    let mut pings = Vec::new();
    while !asking.is_finished() {
        let Ok(frame) = timeout(APART * 3 / 2, peer.frame()).await else {
            break;
        };
        if frame.unwrap().kind == PING {
            pings.push(begun.elapsed().as_secs());
        }
    }
    // Five seconds apart, then five minutes.
    assert_eq!(pings, [0, 5, 10, 310, 610]);
}

const APART: Duration = Duration::from_secs(5);
