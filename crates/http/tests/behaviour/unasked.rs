//! H3, C3: bytes that a server sends without a request are never an answer.

#![allow(clippy::unwrap_used)]

use keepalive::{Attempt, ConnectError, Connector, Manager, NetConnector, NetStream};
use keepalive_http::{Client, Http};
use tokio::task::JoinSet;

use crate::support::{Pair, client, exchange, ok, text, under_test, within};

/// RFC 9110 section 15.5.9: a server may send this on an idle connection, and close it.
const TIMEOUT: &str =
    "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn bytes_sent_together_with_a_response_close_the_connection() {
    let pair = Pair::start().await;
    let (response, mut peer) = pair.get(ok("one") + &ok("smuggled")).await;
    assert_eq!(text(response.unwrap()).await, "one");
    peer.closed().await;
    pair.next_is_on_a_new_connection().await;
}

// The client's reactor has not polled yet: only the kernel knows of the bytes. No request has been
// sent on the connection that has them, so it costs no try.
#[tokio::test]
async fn bytes_sent_just_before_a_request_are_not_its_answer() {
    for retries in [0, 3] {
        let pair = Pair::of(client(1).retries(retries)).await;
        let mut peer = pair.used().await;
        peer.send(&ok("smuggled")).await;
        pair.next_is_on_a_new_connection().await;
        peer.closed().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_sent_just_before_a_request_are_not_its_answer_whatever_the_threads_do() {
    for _ in 0..200 {
        let pair = Pair::start().await;
        let mut peer = pair.used().await;
        peer.send(&ok("smuggled")).await;
        let (response, _peer) = pair.get(ok("two")).await;
        assert_eq!(text(response.unwrap()).await, "two");
    }
}

#[tokio::test]
async fn a_408_on_an_idle_connection_closes_it() {
    let pair = Pair::start().await;
    let mut peer = pair.used().await;
    peer.send(TIMEOUT).await;
    peer.closed().await;
    pair.next_is_on_a_new_connection().await;
}

#[tokio::test]
async fn a_408_and_a_close_as_a_request_is_made_are_not_its_answer() {
    let pair = Pair::start().await;
    let mut peer = pair.used().await;
    peer.send(TIMEOUT).await;
    drop(peer);
    let (response, _peer) = pair.get(ok("two")).await;
    let response = response.unwrap();
    assert_eq!(response.status(), http::StatusCode::OK);
    assert_eq!(text(response).await, "two");
}

/// Connects as [`NetConnector`] does, and waits until the server has sent bytes.
struct Patient(NetConnector);

impl Connector for Patient {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        let stream = self.0.connect(attempt).await?;
        stream.as_tcp().unwrap().readable().await.unwrap();
        Ok(stream)
    }
}

#[tokio::test]
async fn a_response_that_comes_before_the_request_is_no_answer() {
    speaks_first().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_response_that_comes_before_the_request_is_no_answer_whatever_the_threads_do() {
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        tasks.spawn(async {
            for _ in 0..100 {
                speaks_first().await;
            }
        });
    }
    within(tasks.join_all()).await;
}

async fn speaks_first() {
    let builder =
        Manager::builder().connector(under_test(Http::over(Patient(NetConnector::new()))));
    let client = Client::new(builder.build().unwrap());
    let server = crate::support::Server::start().await;
    let speak_first = async {
        let mut peer = server.accept().await;
        peer.send(&ok("smuggled")).await;
        peer.closed().await;
    };
    // Dropping the response closes the connection, so that a wrong answer does not hang the test.
    let ask = async { client.get(server.uri("/")).await.map(drop) };
    let (answer, ()) = exchange(ask, speak_first).await;
    let error = answer.expect_err("nothing was answered");
    assert_eq!(error.function(), "request", "{error}");
    assert_eq!(error.resent(), 0);
}
