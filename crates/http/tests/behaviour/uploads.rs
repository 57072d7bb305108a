//! H7: an upload arrives, framed by its length if that is known, and in chunks otherwise.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::io;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Channel, Full};
use hyper::body::{Body, Bytes, Frame};

use crate::http2::{self, DATA};
use crate::support::{Pair, Peer, client, eventually, exchange, ok, text, within};

type Boxed = UnsyncBoxBody<Bytes, io::Error>;

fn order() -> Full<Bytes> {
    Full::new(Bytes::from_static(b"order"))
}

fn boxed(body: impl Body<Data = Bytes, Error = Infallible> + Send + 'static) -> Boxed {
    UnsyncBoxBody::new(body.map_err(|never| match never {}))
}

/// A body of unknown length, with these pieces so far.
fn pieces(pieces: &[&'static str]) -> (Sender, Channel<Bytes, io::Error>) {
    let (mut sender, body) = Channel::new(8);
    for piece in pieces {
        sender.try_send(Frame::data(Bytes::from(*piece))).unwrap();
    }
    (sender, body)
}

type Sender = http_body_util::channel::Sender<Bytes, io::Error>;

#[tokio::test]
async fn an_upload_is_framed_by_its_length_or_in_chunks() {
    let trailers = HeaderMap::from_iter([(HeaderName::from_static("sum"), "5".parse().unwrap())]);
    let trailers = std::future::ready(Some(Ok(trailers)));
    let (_, in_pieces) = pieces(&["an ", "order"]);
    let known = "content-length: 5\r\n";
    let chunked = "transfer-encoding: chunked\r\n";
    for (body, framed, sent) in [
        (boxed(order()), known, "order"),
        (
            boxed(order().with_trailers(trailers)),
            chunked,
            "5\r\norder\r\n0\r\nsum: 5\r\n\r\n",
        ),
        (
            UnsyncBoxBody::new(in_pieces),
            chunked,
            "3\r\nan \r\n5\r\norder\r\n0\r\n\r\n",
        ),
    ] {
        let pair = Pair::start().await;
        let mut request = Request::post(pair.server.uri("/"));
        if sent.contains("sum") {
            request = request.header("trailer", "sum");
        }
        let serve = async {
            let mut peer = pair.server.accept().await;
            let head = peer.request().await;
            assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
            assert!(head.contains(framed), "{head}");
            let framings = ["content-length", "transfer-encoding"].map(|name| head.contains(name));
            assert_ne!(framings[0], framings[1], "{head}");
            assert_eq!(peer.read(sent.len()).await, sent);
            peer.send(&ok("done")).await;
            peer
        };
        let asked = pair.client.request(request.body(body).unwrap());
        let (response, _peer) = exchange(asked, serve).await;
        assert_eq!(text(response.unwrap()).await, "done");
        assert_eq!(pair.client.manager().totals().idle, 1);
    }
}

#[tokio::test]
async fn an_upload_whose_length_is_another_than_its_header_is_an_error() {
    let pair = Pair::start().await;
    let request = Request::post(pair.server.uri("/")).header("content-length", "9");
    let request = request.body(boxed(order())).unwrap();
    let error = within(pair.client.request(request)).await.unwrap_err();
    assert_eq!(error.function(), "request");
    let reason = "\"9\" bytes, but it has 5";
    assert!(error.error_str().contains(reason), "{error}");
    assert_eq!(pair.client.manager().totals().open, 0);
}

#[tokio::test]
async fn an_upload_that_fails_ends_the_exchange() {
    let pair = Pair::start().await;
    let (sender, body) = pieces(&["an "]);
    sender.abort(io::Error::other("the disk is on fire"));
    let request = Request::put(pair.server.uri("/")).body(body).unwrap();
    let serve = async {
        let mut peer = pair.server.accept().await;
        let came = peer.rest().await;
        assert!(!came.ends_with("0\r\n\r\n"), "{came}");
    };
    let (response, ()) = exchange(pair.client.request(request), serve).await;
    let error = response.unwrap_err();
    assert_eq!((error.function(), error.resent()), ("request", 0));
    assert!(error.error_str().contains("the disk is on fire"), "{error}");
    assert_eq!(pair.client.manager().totals().open, 0);
}

// A server may answer before it has read the whole request (RFC 9110, section 7.5). The connection
// takes no other request until all of this one is sent.

/// The rest of an upload, in a chunk, and the end.
const REST: &str = "8\r\nthe rest\r\n0\r\n\r\n";

/// An upload that was answered so when only its head had been sent.
async fn answered_early(answer: &str) -> (Pair, Response<keepalive_http::Body>, Peer, Sender) {
    let pair = Pair::start().await;
    let (sender, upload) = pieces(&[]);
    let request = Request::put(pair.server.uri("/")).body(upload);
    let asked = pair.client.request(request.unwrap());
    let (response, peer) = exchange(asked, pair.server.serve(answer)).await;
    (pair, response.unwrap(), peer, sender)
}

async fn end(mut upload: Sender) {
    upload.send_data(Bytes::from("the rest")).await.unwrap();
}

#[tokio::test]
async fn an_early_response_frees_its_connection_when_the_upload_has_ended() {
    let (pair, response, mut peer, upload) = answered_early(&ok("early")).await;
    let rest = async {
        end(upload).await;
        assert_eq!(peer.read(REST.len()).await, REST);
    };
    assert_eq!(exchange(text(response), rest).await.0, "early");
    pair.next_is_on(&mut peer).await;
}

#[tokio::test]
async fn the_end_of_an_early_response_does_not_wait_for_the_upload() {
    let (pair, response, mut peer, upload) = answered_early(&ok("early")).await;
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    assert_eq!(text(response).await, "early");
    assert!(begun.elapsed() < Duration::from_millis(20));
    tokio::time::resume();
    assert_eq!(pair.client.manager().totals().leased, 1);

    end(upload).await;
    assert_eq!(peer.read(REST.len()).await, REST);
    let is_idle = || pair.client.manager().totals().idle == 1;
    eventually("the connection is given back", is_idle).await;
}

#[tokio::test]
async fn an_early_response_closes_its_connection_if_the_upload_goes_on_for_a_second() {
    let (pair, response, mut peer, _upload) = answered_early(&ok("early")).await;
    tokio::time::pause();
    assert_eq!(text(response).await, "early");
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    peer.closed().await;
    assert_eq!(pair.client.manager().totals().open, 0);
}

#[tokio::test]
async fn an_early_response_that_announces_a_close_ends_the_upload() {
    let head = "HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\n";
    let (pair, response, mut peer, mut upload) = answered_early(&format!("{head}no")).await;
    assert_eq!(response.status(), 413);
    assert_eq!(text(response).await, "no");
    peer.closed().await;
    assert_eq!(pair.client.manager().totals().open, 0);
    let given_up = async { while upload.send_data(Bytes::from("more")).await.is_ok() {} };
    within(given_up).await;
}

// H16, RFC 9110, section 10.1.1: with `expect: 100-continue`, the client sends a body only after
// the server asks for it.

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const HINTS: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
const LONG: Duration = Duration::from_secs(60);

fn expecting(uri: http::Uri) -> Request<Boxed> {
    let request = Request::post(uri).header("expect", "100-Continue");
    request.body(boxed(order())).unwrap()
}

#[tokio::test]
async fn an_expecting_body_is_sent_when_the_server_continues() {
    let pair = Pair::of(client(1).expect_timeout(LONG)).await;
    for interim in [CONTINUE.to_owned(), HINTS.to_owned() + CONTINUE] {
        let serve = async {
            let mut peer = pair.server.accept().await;
            let head = peer.request().await;
            assert!(head.contains("content-length: 5\r\n"), "{head}");
            peer.send(&interim).await;
            assert_eq!(peer.read(5).await, "order");
            peer.send(&ok("done")).await;
            // The next gets a connection of its own.
            peer.reset();
        };
        let asked = pair.client.request(expecting(pair.server.uri("/")));
        let (response, ()) = exchange(asked, serve).await;
        assert_eq!(text(response.unwrap()).await, "done");
    }
}

#[tokio::test]
async fn an_expecting_body_is_not_sent_if_the_server_answers_before() {
    let refused = "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 2\r\n\r\nno";
    for answer in [refused.to_owned(), HINTS.to_owned() + refused] {
        for wait in [LONG, Duration::from_millis(100)] {
            let pair = Pair::of(client(1).expect_timeout(wait)).await;
            let asked = pair.client.request(expecting(pair.server.uri("/")));
            let (response, mut peer) = exchange(asked, pair.server.serve(&answer)).await;
            let response = response.unwrap();
            assert_eq!(response.status(), 417);
            assert_eq!(text(response).await, "no");
            // It asserts that nothing came before.
            peer.closed().await;
        }
    }
}

#[tokio::test]
async fn an_expecting_body_is_sent_after_a_silence_of_a_second_or_of_the_set_time() {
    let set = Duration::from_millis(30);
    for (client, wait) in [
        (client(1), Duration::from_secs(1)),
        (client(1).expect_timeout(set), set),
        (client(1).expect_timeout(Duration::ZERO), Duration::ZERO),
    ] {
        let pair = Pair::of(client).await;
        let begun = Instant::now();
        let serve = async {
            let mut peer = pair.server.accept().await;
            peer.request().await;
            assert_eq!(peer.read(5).await, "order");
            assert!(begun.elapsed() >= wait, "after {:?}", begun.elapsed());
            peer.send(&ok("done")).await;
            peer
        };
        let asked = pair.client.request(expecting(pair.server.uri("/")));
        let (response, _peer) = exchange(asked, serve).await;
        assert_eq!(text(response.unwrap()).await, "done");
        // It may be used again, and a 100 that comes too late is no answer.
        assert_eq!(pair.client.manager().totals().idle, 1);
    }
}

#[tokio::test]
async fn an_expecting_body_is_sent_at_once_by_http_2() {
    let server = http2::Server::start().await;
    let client = http2::client(1).expect_timeout(LONG);
    let asked = client.request(expecting(server.uri("/")));
    let serve = async {
        let (mut peer, stream) = server.asked().await;
        assert_eq!(peer.next(DATA).await.payload, b"order");
        peer.answer(stream).await;
        peer
    };
    let (response, _peer) = exchange(asked, serve).await;
    assert_eq!(response.unwrap().status(), 200);
}
