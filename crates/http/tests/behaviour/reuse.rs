//! C1, H5: when a connection is free for the next request.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use http::{Method, Request};
use http_body::Body as _;
use http_body_util::BodyExt;
use keepalive::{FromCache, Manager};
use keepalive_http::{Client, Http};
use tokio::time::Instant;

use crate::support::{
    Pair, Peer, Server, allocation, client, eventually, exchange, ok, text, under_test, within,
};

#[tokio::test]
async fn a_connection_is_leased_until_its_body_is_read() {
    let pair = Pair::start().await;
    let (response, mut peer) = pair.get(ok("one")).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(pair.client.manager().totals().leased, 1);
    assert_eq!(text(response).await, "one");
    assert_eq!(pair.client.manager().totals().idle, 1);
    assert!(pair.client.manager().leases().is_empty());
    pair.next_is_on(&mut peer).await;
}

#[tokio::test]
async fn the_last_byte_of_a_body_frees_its_connection() {
    let pair = Pair::start().await;
    let (response, _peer) = pair.get(ok("one")).await;
    let mut body = response.unwrap().into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "one");
    assert_eq!(pair.client.manager().totals().idle, 1);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_waiting_request_gets_the_connection_of_a_body_that_is_read() {
    let pair = Pair::start().await;
    let (first, mut peer) = pair.get(ok("one")).await;
    let second = pair.client.get(pair.server.uri("/2"));
    let read = async {
        assert_eq!(pair.client.manager().totals().waiting, 1);
        assert_eq!(text(first.unwrap()).await, "one");
        peer.serve(ok("two")).await
    };
    let (second, _) = exchange(second, Box::pin(read)).await;
    let second = second.unwrap();
    assert_eq!(allocation(&second).from_cache, Some(FromCache::Deferred));
    assert_eq!(text(second).await, "two");
}

#[tokio::test]
async fn an_empty_response_gives_its_connection_back_at_once() {
    let pair = Pair::start().await;
    let (first, mut peer) = pair.get("HTTP/1.1 204 No Content\r\n\r\n").await;
    let mut held = vec![first.unwrap()];
    for (method, head) in [
        (Method::HEAD, "200 OK\r\ncontent-length: 5"),
        (Method::HEAD, "200 OK\r\ntransfer-encoding: chunked"),
        (Method::GET, "304 Not Modified\r\ncontent-length: 5"),
        (Method::GET, "200 OK\r\ncontent-length: 0"),
    ] {
        let request = Request::builder().method(&method).uri(pair.server.uri("/"));
        let request = pair.client.request(request.body(String::new()).unwrap());
        let answer = format!("HTTP/1.1 {head}\r\n\r\n");
        let (response, asked) = exchange(request, peer.serve(answer)).await;
        assert!(asked.starts_with(method.as_str()), "{asked}");
        let response = response.unwrap();
        assert_eq!(allocation(&response).from_cache, Some(FromCache::Immediate));
        assert!(response.body().is_end_stream());
        assert_eq!(pair.client.manager().totals().idle, 1);
        held.push(response);
    }
}

/// H5: hyper publishes the end of a body a little before it takes the next request. On several
/// threads that little is enough for 'connection was not ready', or for a connection too many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_back_only_when_it_is_ready() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n";
    for answer in [ok("one"), chunked.to_owned(), ok("")] {
        let (server, client) = (Server::start().await, client(4));
        let uri = server.uri("/");
        server.answer(move |_| answer.clone());
        text(within(client.get(uri.clone())).await.unwrap()).await;
        for _ in 0..2_000 {
            let response = within(client.get(uri.clone())).await.unwrap();
            assert_eq!(allocation(&response).from_cache, Some(FromCache::Immediate));
            assert_eq!(allocation(&response).resent, 0);
            text(response).await;
        }
    }
}

/// The client closes by itself: this server never does.
#[tokio::test]
async fn a_connection_closes_after_a_response_that_announces_it() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\none",
        "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\none",
    ] {
        let pair = Pair::start().await;
        let (response, mut peer) = pair.get(answer).await;
        text(response.unwrap()).await;
        peer.closed().await;
        pair.next_is_on_a_new_connection().await;
    }
}

#[tokio::test]
async fn a_connection_closes_after_a_request_that_asks_for_it() {
    let pair = Pair::start().await;
    let request = Request::get(pair.server.uri("/")).header("connection", "close");
    let request = pair.client.request(request.body(String::new()).unwrap());
    let (response, mut peer) = exchange(request, pair.server.serve(ok("one"))).await;
    assert_eq!(text(response.unwrap()).await, "one");
    peer.closed().await;
}

// H5: `Keep-Alive: timeout=n, max=n` (RFC 2068, section 19.7.1.1): a server may close during a
// request that is sent later than that. The client leaves a second for the way there. Real time
// passes, too, so no test asserts anything about the last moment before.

#[tokio::test]
async fn each_response_begins_the_time_of_its_keep_alive_header_anew() {
    let (pair, mut peer) = idle("timeout=5").await;
    for _ in 0..3 {
        pass(Duration::from_secs(3)).await;
        pair.next_is_on(&mut peer).await;
    }
    pass(Duration::from_millis(4001)).await;
    peer.closed().await;
    let closed = || pair.client.manager().totals().open == 0;
    eventually("the connection is closed", closed).await;
}

// The time passes between two turns of the event loop, so no timer has fired yet.
#[tokio::test]
async fn a_connection_past_its_keep_alive_time_is_not_handed_out_before_its_timer() {
    let (pair, _peer) = idle("timeout=5").await;
    let until = Instant::now() + Duration::from_millis(3999);
    pass(Duration::from_millis(3999)).await;
    while until.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
    pair.next_is_on_a_new_connection().await;
}

#[tokio::test]
async fn the_managers_keep_alive_holds_where_it_is_less_than_the_servers() {
    let manager = Manager::builder().keep_alive(Duration::from_secs(2));
    let client = Client::new(manager.connector(under_test(Http::new())).build().unwrap());
    let pair = Pair::of(client).await;
    let mut peer = kept(&pair, "timeout=5").await;
    pass(Duration::from_millis(2001)).await;
    peer.closed().await;
    let expired = || pair.client.manager().totals().expired == 1;
    eventually("the connection expires", expired).await;
}

#[tokio::test]
async fn half_of_a_short_keep_alive_time_is_used() {
    let (pair, mut peer) = idle("timeout=1").await;
    pass(Duration::from_millis(100)).await;
    pair.next_is_on(&mut peer).await;
    let (pair, mut peer) = idle("timeout=1").await;
    pass(Duration::from_millis(501)).await;
    peer.closed().await;
    drop(pair);
}

#[tokio::test]
async fn a_keep_alive_header_without_time_or_requests_closes_at_once() {
    for header in ["timeout=0", "max=0", "timeout=5, max=0", "Max=0"] {
        let (_pair, mut peer) = idle(header).await;
        peer.closed().await;
    }
}

#[tokio::test]
async fn a_connection_serves_as_many_requests_as_its_keep_alive_header_allows() {
    let (pair, mut peer) = idle("max=2").await;
    pair.next_is_on(&mut peer).await;
    pair.next_is_on(&mut peer).await;
    peer.closed().await;
}

#[tokio::test]
async fn a_keep_alive_header_that_makes_no_sense_is_ignored() {
    for header in [
        "timeout",
        "timeout=-1",
        "timeout=+1",
        "timeout=1s",
        "max=",
        "0",
        "max=0=0",
    ] {
        let (pair, mut peer) = idle(header).await;
        pass(Duration::from_secs(10)).await;
        pair.next_is_on(&mut peer).await;
    }
}

/// A client with one connection, idle after a response with this header.
async fn idle(keep_alive: &str) -> (Pair, Peer) {
    let pair = Pair::start().await;
    let peer = kept(&pair, keep_alive).await;
    (pair, peer)
}

async fn kept(pair: &Pair, keep_alive: &str) -> Peer {
    let head = format!("HTTP/1.1 200 OK\r\nkeep-alive: {keep_alive}\r\ncontent-length: 3");
    let (response, peer) = pair.get(head + "\r\n\r\none").await;
    assert_eq!(text(response.unwrap()).await, "one");
    peer
}

/// So much time passes at once; in between, sockets have real time.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
