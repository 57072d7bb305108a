//! H4, C2: an exchange that was begun and not finished leaves nothing behind for the next.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame};
use keepalive::{FromCache, Manager};
use keepalive_http::{Client, Error, Http};

use crate::support::{
    Pair, Peer, Server, allocation, client, eventually, exchange, ok, text, under_test, within,
};

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Checks that a connection closes if its body is dropped, before or after its first frame is read.
async fn dropped_body_closes(client: Client, answer: &str, is_read: bool) {
    let pair = Pair::of(client).await;
    let (response, mut peer) = pair.get(answer).await;
    let mut body = response.unwrap().into_body();
    if is_read {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "half");
    }
    drop(body);
    peer.closed().await;
    pair.next_is_on_a_new_connection().await;
}

#[tokio::test]
async fn a_body_dropped_before_its_end_closes_its_connection() {
    dropped_body_closes(client(1), HALF, false).await;
    dropped_body_closes(client(1), HALF, true).await;
    let chunk = format!("{CHUNKED}4\r\nhalf\r\n");
    dropped_body_closes(client(1), &chunk, true).await;
}

#[tokio::test]
async fn a_dropped_body_that_has_arrived_closes_its_connection_if_no_rest_is_to_be_read() {
    for (bytes, time) in [
        (0, Duration::from_secs(10)),
        (1 << 20, Duration::ZERO),
        (8, Duration::from_secs(10)),
    ] {
        dropped_body_closes(client(1).rest(bytes, time), &ok("all of it"), false).await;
    }
}

#[tokio::test]
async fn a_dropped_body_closes_its_connection_if_more_is_missing_than_is_to_be_read() {
    let announced = client(1).rest(64 * 1024, Duration::MAX);
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n";
    dropped_body_closes(announced, head, false).await;
    let arrives = client(1).rest(100, Duration::MAX);
    let answer = format!("{CHUNKED}65\r\n{:0101}", 0);
    dropped_body_closes(arrives, &answer, false).await;
}

/// The connection is used again, once its response has truly ended.
#[tokio::test]
async fn the_rest_of_a_dropped_body_is_read_if_it_is_little() {
    let chunk = format!("{CHUNKED}4\r\nha");
    for (first, later) in [
        (&*ok("all of it"), ""),
        ("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf", "half"),
        (&chunk, "lf\r\n0\r\n\r\n"),
    ] {
        let pair = Pair::of(client(1).rest(64 * 1024, Duration::MAX)).await;
        let (response, mut peer) = pair.get(first).await;
        drop(response.unwrap());
        assert_eq!(pair.client.manager().totals().leased, 1, "{first}");
        let serve = async {
            peer.send(later).await;
            peer.serve(ok("two")).await
        };
        let asked = pair.client.get(pair.server.uri("/"));
        let (response, _) = exchange(asked, serve).await;
        let response = response.unwrap();
        assert_eq!(allocation(&response).from_cache, Some(FromCache::Deferred));
        assert_eq!(text(response).await, "two");
    }
}

#[tokio::test]
async fn a_request_dropped_after_it_was_sent_closes_its_connection() {
    for is_reused in [false, true] {
        let pair = Pair::start().await;
        let used = if is_reused {
            Some(pair.used().await)
        } else {
            None
        };
        let sent = async {
            let mut peer = match used {
                Some(peer) => peer,
                None => pair.server.accept().await,
            };
            peer.request().await;
            peer
        };
        let asked = Box::pin(pair.client.get(pair.server.uri("/")));
        let mut peer = abandon(asked, sent).await;
        peer.closed().await;
        pair.next_is_on_a_new_connection().await;
    }
}

#[tokio::test]
async fn a_request_dropped_within_the_head_of_its_response_closes_its_connection() {
    let pair = Pair::start().await;
    let asked = pair.client.get(pair.server.uri("/"));
    let mut peer = abandon(asked, pair.server.serve("HTTP/1.1 200")).await;
    peer.closed().await;
    pair.next_is_on_a_new_connection().await;
}

#[tokio::test]
async fn a_request_that_is_never_polled_disturbs_nothing() {
    let pair = Pair::start().await;
    drop(pair.client.get(pair.server.uri("/")));
    assert_eq!(pair.client.manager().totals().waiting, 0);
    pair.next_is_on_a_new_connection().await;
}

/// Drops a request as soon as something has happened.
async fn abandon<R>(
    request: impl Future<Output = Result<R, Error>>,
    happened: impl Future<Output = Peer>,
) -> Peer {
    tokio::select! {
        result = request => panic!("answered: {:?}", result.err()),
        peer = happened => peer,
    }
}

#[tokio::test]
async fn a_panic_with_a_response_in_hand_closes_its_connection() {
    let pair = Pair::start().await;
    let (response, mut peer) = pair.get(HALF).await;
    let task = tokio::spawn(async move {
        let _response = response.unwrap();
        panic!("on purpose, with a response in hand");
    });
    assert!(within(task).await.unwrap_err().is_panic());
    peer.closed().await;
    pair.next_is_on_a_new_connection().await;
    assert_eq!(pair.client.manager().totals().open, 1);
}

#[tokio::test]
async fn a_panic_of_an_upload_ends_its_exchange_and_connection() {
    let pair = Pair::start().await;
    let request = Request::put(pair.server.uri("/")).body(Panics).unwrap();
    let asked = pair.client.request(request);
    let (response, mut peer) = exchange(asked, pair.server.accept()).await;
    let error = response.unwrap_err();
    let function = error.function();
    assert!(["request", "response"].contains(&function), "{error}");
    peer.rest().await;
    let closed = || pair.client.manager().totals().open == 0;
    eventually("the connection is closed", closed).await;
    pair.next_is_on_a_new_connection().await;
    assert_eq!(pair.client.manager().totals().open, 1);
}

struct Panics;

impl Body for Panics {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("on purpose, within an upload");
    }
}

/// W3: a leaked response keeps its connection, and the list of leases names its caller.
#[tokio::test]
async fn a_leaked_response_costs_its_own_connection_alone() {
    let (server, other) = (Server::start().await, Server::start().await);
    let manager = Manager::builder().max_per_host(1).max_open(2);
    let manager = manager.timeout(Duration::from_millis(100));
    let client = Client::new(manager.connector(under_test(Http::new())).build().unwrap());
    let line = line!() + 1;
    let leaked = client.get(server.uri("/"));
    let (response, _peer) = exchange(leaked, server.serve(ok("one"))).await;
    std::mem::forget(response.unwrap());

    let error = within(client.get(server.uri("/"))).await.unwrap_err();
    assert_eq!(error.function(), "queue", "{error}");
    let leases = client.manager().leases();
    let places = leases.iter().map(|lease| lease.location);
    let places: Vec<_> = places.map(|at| (at.file(), at.line())).collect();
    assert_eq!(places, [(file!(), line)]);

    let (response, _peer) = exchange(client.get(other.uri("/")), other.serve(ok("two"))).await;
    assert_eq!(text(response.unwrap()).await, "two");
    assert_eq!(client.manager().totals().leased, 1);
}
