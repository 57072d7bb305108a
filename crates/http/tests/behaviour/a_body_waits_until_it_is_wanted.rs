//! H16, RFC 9110, section 10.1.1: with `expect: 100-continue`, the client sends a body only after
//! the server asks for it.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;

use crate::http2::{self, DATA};
use crate::support::{Server, client, exchange, ok, text, within};

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const HINTS: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn it_is_sent_when_the_server_says_so() {
    let (server, client) = (Server::start().await, client(1).expect_timeout(LONG));
    for (number, said) in [CONTINUE.to_owned(), HINTS.to_owned() + CONTINUE]
        .iter()
        .enumerate()
    {
        let serve = async {
            let mut peer = server.accept().await;
            let head = peer.request().await;
            assert!(head.contains("content-length: 5\r\n"), "{head}");
            peer.send(said).await;
            assert_eq!(peer.read(5).await, "order");
            peer.send(&ok("done")).await;
            // The next gets a connection of its own.
            peer.reset();
        };
        let (response, ()) = exchange(client.request(order(&server, number)), serve).await;
        assert_eq!(text(response.unwrap()).await, "done");
    }
}

#[tokio::test]
async fn it_is_not_sent_where_the_server_answers_before() {
    let refused = "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 2\r\n\r\nno";
    for said in [refused.to_owned(), HINTS.to_owned() + refused] {
        let server = Server::start().await;
        for wait in [LONG, Duration::from_millis(100)] {
            let client = client(1).expect_timeout(wait);
            let asked = client.request(order(&server, 0));
            let (response, mut peer) = exchange(asked, server.serve(&said)).await;
            let response = response.unwrap();
            assert_eq!(response.status(), 417);
            assert_eq!(text(response).await, "no");
            // It asserts that nothing came before.
            peer.closed().await;
        }
    }
}

#[tokio::test]
async fn it_is_sent_where_the_server_says_nothing_for_a_second_or_as_long_as_is_set() {
    let set = Duration::from_millis(30);
    for (client, wait) in [
        (client(1), Duration::from_secs(1)),
        (client(1).expect_timeout(set), set),
        (client(1).expect_timeout(Duration::ZERO), Duration::ZERO),
    ] {
        let server = Server::start().await;
        let begun = Instant::now();
        let serve = async {
            let mut peer = server.accept().await;
            peer.request().await;
            assert_eq!(peer.read(5).await, "order");
            assert!(begun.elapsed() >= wait, "after {:?}", begun.elapsed());
            peer.send(&ok("done")).await;
            peer
        };
        let (response, _peer) = exchange(client.request(order(&server, 0)), serve).await;
        assert_eq!(text(response.unwrap()).await, "done");
        // It may be used again, and a 100 that comes too late is no answer.
        assert_eq!(client.manager().totals().idle, 1);
    }
}

#[tokio::test]
async fn by_http2_it_is_sent_at_once() {
    let (server, client) = (
        http2::Server::start().await,
        http2::client(1).expect_timeout(LONG),
    );
    let request = Request::post(server.uri("/")).header("expect", "100-continue");
    let asked = client.request(request.body("order".to_owned()).unwrap());
    let serve = async {
        let mut peer = server.accept(10).await;
        let stream = peer.request().await;
        assert_eq!(peer.next(DATA).await.payload, b"order");
        peer.answer(stream).await;
        peer
    };
    let (response, _peer) = within(async { tokio::join!(asked, serve) }).await;
    assert_eq!(response.unwrap().status(), 200);
}

/// One that is there as a whole, or comes piece by piece.
fn order(
    server: &Server,
    number: usize,
) -> Request<UnsyncBoxBody<Bytes, std::convert::Infallible>> {
    let body = UnsyncBoxBody::new(Full::new(Bytes::from_static(b"order")));
    let request = Request::post(server.uri(&format!("/{number}"))).header("expect", "100-Continue");
    request.body(body).unwrap()
}
