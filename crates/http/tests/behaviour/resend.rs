//! H1, H2: when a request is sent again by HTTP/1.1, and how often.

#![allow(clippy::unwrap_used)]

use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use keepalive_http::Idempotent;

use crate::http2;
use crate::support::{Outcome, Pair, Peer, allocation, client, exchange, ok, text};

/// The server closes an idle connection in the moment in which the client uses it again.
#[tokio::test]
async fn a_get_is_sent_again_if_a_reused_connection_is_closed_or_reset_without_an_answer() {
    for close in [drop::<Peer>, Peer::reset] {
        let pair = Pair::start().await;
        let mut used = pair.used().await;
        let serve = async {
            let first = used.request().await;
            close(used);
            let mut peer = pair.server.accept().await;
            assert_eq!(peer.serve(ok("two")).await, first);
            peer
        };
        let asked = pair.client.get(pair.server.uri("/2"));
        let (response, mut peer) = exchange(asked, serve).await;
        let response = response.unwrap();
        assert_eq!(allocation(&response).resent, 1);
        assert_eq!(allocation(&response).from_cache, None);
        assert_eq!(text(response).await, "two");
        pair.next_is_on(&mut peer).await;
    }
}

/// Only a reused connection can have been closed just as the client used it.
#[tokio::test]
async fn a_get_on_a_fresh_connection_is_never_sent_again() {
    let pair = Pair::of(client(4)).await;
    let (response, ()) = exchange(pair.client.get(pair.server.uri("/secret?token=1")), async {
        pair.server.accept().await.request().await;
    })
    .await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "response");
    assert_eq!((error.error_num(), error.resent()), (None, 0));
    assert!(error.timing().is_some());
    assert!(error.allocate().is_none());
    let message = error.to_string();
    let tried = format!("GET http://127.0.0.1:{}: ", pair.server.port());
    assert!(message.starts_with(&tried), "{message}");
    assert!(!message.contains("token"), "{message}");
    assert_eq!(pair.client.manager().totals().opened, 1);
}

/// A server that has begun to answer may have acted on the request.
#[tokio::test]
async fn a_get_that_got_a_byte_of_an_answer_is_not_sent_again() {
    let pair = Pair::of(client(4)).await;
    let mut peer = pair.used().await;
    let serve = async {
        peer.serve("H").await;
        drop(peer);
    };
    let (response, ()) = exchange(pair.client.get(pair.server.uri("/2")), serve).await;
    let error = response.unwrap_err();
    assert_eq!((error.function(), error.resent()), ("response", 0));
    assert_eq!(pair.client.manager().totals().opened, 1);
}

// H2: a server that closes all its connections does not make the client retry for ever.

#[tokio::test]
async fn a_get_is_sent_again_until_a_connection_answers() {
    let pair = Pair::of(client(2)).await;
    let peers: [Peer; 2] = idle(&pair).await;
    let serve = async {
        fail(peers).await;
        pair.server.serve(ok("at last")).await
    };
    let asked = Box::pin(pair.client.get(pair.server.uri("/")));
    let (response, _peer) = exchange(asked, serve).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).resent, 2);
    assert_eq!(text(response).await, "at last");
}

#[tokio::test]
async fn a_get_is_sent_again_no_more_often_than_retries_allow() {
    let pair = Pair::of(client(2).retries(1)).await;
    let [mut left, used] = idle(&pair).await;
    let fail = async {
        fail([used]).await;
        left.closed().await;
        fail([pair.server.accept().await]).await;
    };
    let (response, ()) = exchange(pair.client.get(pair.server.uri("/")), fail).await;
    let error = response.unwrap_err();
    assert_eq!((error.function(), error.resent()), ("response", 1));
    assert!(error.to_string().contains("again once"), "{error}");
    assert_eq!(pair.client.manager().totals().opened, 3);
}

#[tokio::test]
async fn the_last_try_goes_by_a_new_connection() {
    let pair = Pair::of(client(3).retries(1)).await;
    let [mut first, mut second, used] = idle(&pair).await;
    let serve = async {
        fail([used]).await;
        first.closed().await;
        second.closed().await;
        pair.server.serve(ok("at last")).await
    };
    let (response, _peer) = exchange(pair.client.get(pair.server.uri("/")), serve).await;
    let response = response.unwrap();
    let answered = allocation(&response);
    assert_eq!((answered.resent, answered.from_cache), (1, None));
    assert_eq!(text(response).await, "at last");
}

/// Connections that have served a request each; the one that is used next is the last.
async fn idle<const N: usize>(pair: &Pair) -> [Peer; N] {
    let (mut peers, mut responses) = (Vec::new(), Vec::new());
    for _ in 0..N {
        let (response, peer) = pair.get(ok("one")).await;
        peers.push(peer);
        responses.push(response.unwrap());
    }
    for response in responses {
        text(response).await;
    }
    peers.try_into().ok().unwrap()
}

/// Lets a request fail on each, the last first.
async fn fail<const N: usize>(peers: [Peer; N]) {
    for mut peer in peers.into_iter().rev() {
        peer.request().await;
    }
}

/// The extension `Idempotent` overrides the method's idempotence (RFC 9110, section 9.2.2). Which
/// requests are sent again when their reused connection ends without a byte of a response.
const CASES: [(Method, Option<Idempotent>, bool); 6] = [
    (Method::GET, None, true),
    (Method::GET, Some(Idempotent(true)), true),
    (Method::GET, Some(Idempotent(false)), false),
    (Method::POST, None, false),
    (Method::POST, Some(Idempotent(true)), true),
    (Method::POST, Some(Idempotent(false)), false),
];

#[tokio::test]
async fn an_idempotent_request_is_sent_again_by_http_1() {
    for (method, idempotent, again) in CASES {
        let pair = Pair::start().await;
        let mut peer = pair.used().await;
        let asked = request(&method, pair.server.uri("/"), idempotent);
        let serve = async {
            peer.request().await;
            drop(peer);
            if again {
                pair.server.serve(ok("two")).await;
            }
        };
        let (outcome, ()) = exchange(pair.client.request(asked), serve).await;
        is_resent(outcome, again, &format!("{method} {idempotent:?}"));
    }
}

#[tokio::test]
async fn an_idempotent_request_is_sent_again_by_http_2() {
    for (method, idempotent, again) in CASES {
        let (server, client) = (http2::Server::start().await, http2::client(1));
        let mut peer = server.used(&client).await;
        let asked = request(&method, server.uri("/"), idempotent);
        let serve = async {
            peer.request().await;
            drop(peer);
            if again {
                server.accept(10).await.serve().await;
            }
        };
        let (outcome, ()) = exchange(client.request(asked), serve).await;
        is_resent(outcome, again, &format!("{method} {idempotent:?}"));
    }
}

#[track_caller]
fn is_resent(outcome: Outcome, again: bool, case: &str) {
    match outcome {
        Ok(response) => assert_eq!((allocation(&response).resent, again), (1, true), "{case}"),
        Err(error) => assert_eq!((error.resent(), again), (0, false), "{case}: {error}"),
    }
}

fn request(method: &Method, uri: Uri, idempotent: Option<Idempotent>) -> Request<String> {
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(idempotent) = idempotent {
        request = request.extension(idempotent);
    }
    request.body(String::new()).unwrap()
}

// H13: after a 421 response, the client may try another connection (RFC 9110, section 15.5.20).

const MISDIRECTED: &str = "HTTP/1.1 421 Misdirected Request\r\ncontent-length: 5\r\n\r\nwrong";

fn status_and_resent(response: &http::Response<keepalive_http::Body>) -> (u16, u32) {
    (response.status().as_u16(), allocation(response).resent)
}

#[tokio::test]
async fn a_misdirected_post_goes_to_another_connection() {
    let pair = Pair::start().await;
    let order = Request::post(pair.server.uri("/")).body("an order".to_owned());
    let serve = async {
        let mut wrong = pair.server.serve(MISDIRECTED).await;
        let mut right = pair.server.accept().await;
        right.request().await;
        assert_eq!(right.read(8).await, "an order");
        right.send(&ok("right")).await;
        assert_eq!(wrong.rest().await, "an order");
    };
    let (response, ()) = exchange(pair.client.request(order.unwrap()), serve).await;
    let response = response.unwrap();
    assert_eq!(status_and_resent(&response), (200, 1));
    assert_eq!(text(response).await, "right");
}

#[tokio::test]
async fn a_misdirected_get_goes_to_another_connection_once() {
    let pair = Pair::start().await;
    let serve = async {
        let first = pair.server.serve(MISDIRECTED).await;
        (first, pair.server.serve(MISDIRECTED).await)
    };
    let (response, _peers) = exchange(pair.client.get(pair.server.uri("/")), serve).await;
    let response = response.unwrap();
    assert_eq!(status_and_resent(&response), (421, 1));
    assert_eq!(text(response).await, "wrong");
}

#[tokio::test]
async fn a_misdirected_request_whose_body_can_be_had_but_once_is_not_sent_again() {
    let pair = Pair::start().await;
    let body = Full::new(Bytes::from_static(b"an order")).map_frame(|frame| frame);
    let order = Request::post(pair.server.uri("/")).body(body).unwrap();
    let asked = pair.client.request(order);
    let (response, _peer) = exchange(asked, pair.server.serve(MISDIRECTED)).await;
    assert_eq!(status_and_resent(&response.unwrap()), (421, 0));
}

#[tokio::test]
async fn a_misdirected_request_of_http_2_leaves_the_others_on_its_connection() {
    let (server, client) = (http2::Server::start().await, http2::client(2));
    let (mut wrong, beside, neighbour) = server.begun(&client).await;
    let asked = client.get(server.uri("/"));
    let serve = async {
        let stream = wrong.request().await;
        wrong.answer_with(stream, "421").await;
        server.served().await
    };
    let (response, _right) = exchange(asked, serve).await;
    assert_eq!(status_and_resent(&response.unwrap()), (200, 1));
    wrong.end(beside, "all the while").await;
    assert_eq!(text(neighbour).await, "all the while");
}
