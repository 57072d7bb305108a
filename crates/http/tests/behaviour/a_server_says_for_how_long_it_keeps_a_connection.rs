//! H5: `Keep-Alive: timeout=n, max=n` (RFC 2068, section 19.7.1.1): a server may close during a
//! request that is sent later than that. The client leaves a second for the way there.
//!
//! Real time passes, too, so no test asserts anything about the last moment before.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use keepalive::Manager;
use keepalive_http::{Client, Http};
use tokio::time::Instant;

use crate::support::{Peer, Server, allocation, client, eventually, exchange, ok, text};

#[tokio::test]
async fn until_then_it_is_used_again() {
    let (server, client, mut peer) = idle("timeout=5").await;
    pass(Duration::from_secs(2)).await;
    assert!(is_reused(&client, &server, &mut peer).await);
}

#[tokio::test]
async fn at_the_end_it_is_closed_with_no_request_at_hand() {
    let (_server, client, mut peer) = idle("timeout=5").await;
    pass(Duration::from_millis(4001)).await;
    peer.closed().await;
    eventually("gone", || client.manager().totals().open == 0).await;
}

// The time passes between two turns of the event loop, so no timer has fired yet.
#[tokio::test]
async fn nor_is_it_handed_out_then_before_its_timer_is_heard() {
    let (server, client, _peer) = idle("timeout=5").await;
    let until = Instant::now() + Duration::from_millis(3999);
    pass(Duration::from_millis(3999)).await;
    while until.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
    let answer = exchange(client.get(server.uri("/")), server.serve(ok("two"))).await;
    assert_eq!(allocation(&answer.0.unwrap()).from_cache, None);
}

#[tokio::test]
async fn each_response_begins_it_anew() {
    let (server, client, mut peer) = idle("timeout=5").await;
    for _ in 0..3 {
        pass(Duration::from_secs(3)).await;
        assert!(is_reused(&client, &server, &mut peer).await);
    }
    pass(Duration::from_millis(4001)).await;
    peer.closed().await;
}

#[tokio::test]
async fn the_managers_own_time_holds_where_it_is_less() {
    let manager = Manager::builder().keep_alive(Duration::from_secs(2));
    let client = Client::new(manager.connector(Http::new()).build().unwrap());
    let server = Server::start().await;
    let mut peer = said(&client, &server, "timeout=5").await;
    pass(Duration::from_millis(2001)).await;
    peer.closed().await;
    eventually("gone", || client.manager().totals().expired == 1).await;
}

#[tokio::test]
async fn of_a_short_time_half_is_used() {
    let (server, client, mut peer) = idle("timeout=1").await;
    pass(Duration::from_millis(100)).await;
    assert!(is_reused(&client, &server, &mut peer).await);
    pass(Duration::from_millis(501)).await;
    peer.closed().await;
}

#[tokio::test]
async fn no_time_and_no_further_request_end_it_at_once() {
    for said in ["timeout=0", "max=0", "timeout=5, max=0", "Max=0"] {
        let (_server, _client, mut peer) = idle(said).await;
        peer.closed().await;
    }
}

#[tokio::test]
async fn so_many_requests_follow_as_it_says() {
    let (server, client, mut peer) = idle("max=2").await;
    assert!(is_reused(&client, &server, &mut peer).await);
    assert!(is_reused(&client, &server, &mut peer).await);
    peer.closed().await;
}

#[tokio::test]
async fn nonsense_says_nothing() {
    for said in [
        "timeout",
        "timeout=-1",
        "timeout=+1",
        "timeout=1s",
        "max=",
        "0",
        "max=0=0",
    ] {
        let (server, client, mut peer) = idle(said).await;
        pass(Duration::from_secs(10)).await;
        assert!(is_reused(&client, &server, &mut peer).await, "{said}");
    }
}

/// A client with one connection, idle after a response with this header.
async fn idle(keep_alive: &str) -> (Server, Client, Peer) {
    let (server, client) = (Server::start().await, client(1));
    let peer = said(&client, &server, keep_alive).await;
    (server, client, peer)
}

async fn said(client: &Client, server: &Server, keep_alive: &str) -> Peer {
    let answer =
        format!("HTTP/1.1 200 OK\r\nkeep-alive: {keep_alive}\r\ncontent-length: 3\r\n\r\none");
    let (response, peer) = exchange(client.get(server.uri("/")), server.serve(answer)).await;
    assert_eq!(text(response.unwrap()).await, "one");
    peer
}

/// Sends another request, and reports whether it used the existing connection.
async fn is_reused(client: &Client, server: &Server, peer: &mut Peer) -> bool {
    let (response, _) = exchange(client.get(server.uri("/")), peer.serve(ok("two"))).await;
    let response = response.unwrap();
    let reused = allocation(&response).from_cache.is_some();
    assert_eq!(text(response).await, "two");
    reused
}

/// So much time passes at once; in between, sockets have real time.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
