//! H11: when a connection stays silent, the client sends one ping. It replaces the connection if no
//! answer comes.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use keepalive::Manager;
use keepalive_http::{Client, Http};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::frames::{PING, Peer, Server};
use super::{answered, ask};
use crate::support::wire::Wire;
use crate::support::{client_of, eventually, exchange, within};

const AFTER: Duration = Duration::from_millis(100);

fn http() -> Http {
    Http::new().http2_only().http2_silence(AFTER, AFTER)
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_an_answer_to_a_ping() {
    let interval = Duration::from_millis(50);
    let http = Http::new().http2_only();
    let client = client_of(http.http2_keep_alive(interval, interval), 1);
    let mut peer = Server::start().await.used(&client).await;
    assert_eq!(client.manager().totals().idle, 1);
    peer.ignored().await;
    let closed = || client.manager().totals().open == 0;
    eventually("the connection is closed", closed).await;
}

#[tokio::test]
async fn a_ping_that_is_never_due_disturbs_nothing() {
    let http = Http::new().http2_only();
    let http = http.http2_keep_alive(Duration::MAX, Duration::MAX);
    Server::start().await.used(&client_of(http, 1)).await;
}

#[tokio::test]
async fn an_answer_to_a_ping_may_take_for_ever() {
    let http = Http::new().http2_only();
    let http = http.http2_keep_alive(Duration::from_millis(50), Duration::MAX);
    let (server, client) = (Server::start().await, client_of(http, 1));
    let asked = ask(&client, server.uri("/"));
    let (mut peer, stream) = server.asked().await;
    peer.next(PING).await;
    peer.answer(stream).await;
    answered(asked).await;
}

#[tokio::test]
async fn a_get_on_a_connection_without_an_answer_to_a_ping_goes_to_another_in_time() {
    let server = Server::start().await;
    let client = client_of(http(), 1);
    let mut gone = server.used(&client).await;
    let begun = Instant::now();
    let asked = ask(&client, server.uri("/"));
    let serve = server.served();
    // It reads, and answers nothing.
    let (_, _peer) = exchange(gone.ignored(), serve).await;
    answered(asked).await;
    assert!(begun.elapsed() >= 2 * AFTER);
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn a_silent_peer_that_answers_a_ping_is_sent_no_other() {
    let server = Server::start().await;
    let client = client_of(http(), 1);
    let mut peer = server.used(&client).await;
    let asked = ask(&client, server.uri("/"));
    let stream = peer.request().await;
    // It is answered by `frame`.
    peer.next(PING).await;
    let again = timeout(8 * AFTER, peer.next(PING)).await;
    assert!(again.is_err(), "{again:?}");
    peer.answer(stream).await;
    answered(asked).await;
    assert_eq!(client.manager().totals().opened, 1);
}

#[tokio::test]
async fn no_ping_is_sent_without_exchanges_or_with_endless_silence_allowed() {
    let never = Http::new().http2_only().http2_silence(Duration::MAX, AFTER);
    for (http, has_exchange) in [(http(), false), (never, true)] {
        let server = Server::start().await;
        let client = client_of(http, 1);
        let mut peer = server.used(&client).await;
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
async fn a_request_cancelled_in_silence_sends_the_next_to_another_connection_at_once() {
    let server = Server::start().await;
    // Nothing but that makes it suspect.
    let long = Duration::from_secs(60);
    let http = Http::new().http2_only().http2_silence(long, AFTER);
    let client = client_of(http, 2);
    let mut silent = server.used(&client).await;
    let given_up = timeout(Duration::from_millis(1100), client.get(server.uri("/")));
    assert!(given_up.await.is_err());
    let asked = ask(&client, server.uri("/"));
    let _peer = server.served().await;
    answered(asked).await;
    within(silent.ignored()).await;
    eventually("it is closed", || client.manager().totals().open == 1).await;
}

/// gRPC servers end a connection that sends more pings. Each request would be a reason for one.
#[tokio::test(start_paused = true)]
async fn a_peer_silent_but_for_pings_is_sent_three_and_then_one_every_five_minutes() {
    let (wire, mut server) = Wire::new();
    let http = Http::over(wire).http2_only().http2_silence(AFTER, AFTER);
    let builder = Manager::builder().max_per_host(1).connector(http);
    let client = Client::new(builder.build().unwrap());
    let first = tokio::spawn(client.get("http://h.test/"));
    let mut peer = Peer::greet(server.recv().await.unwrap(), 200).await;
    peer.serve().await;
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
