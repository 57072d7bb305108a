//! Which connections are used again, and when idle ones close.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Uri};
use http_body_util::{Channel, Empty};
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keepalive_http::legacy::Client;
use keepalive_http::legacy::connect::capture_connection;
use tokio::sync::Barrier;

use crate::support::{Pair, Server, Told, builder, eventually, exchange, get, ok, text, within};

#[tokio::test]
async fn a_connection_is_used_again_after_a_response_that_was_read() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for (answer, body) in [(&*ok(""), ""), (chunked, "hello")] {
        let pair = Pair::start().await;
        let (response, mut peer) = pair.get(answer).await;
        assert_eq!(text(response.unwrap()).await, body);
        for body in ["again", "and again"] {
            pair.until("it is given back", |total| total.idle == 1)
                .await;
            let response = pair.get_on(&mut peer, ok(body)).await;
            assert_eq!(text(response.unwrap()).await, body);
        }
        assert_eq!(pair.connector.opened(), 1);
    }
}

#[tokio::test]
async fn a_connection_is_not_used_again_after_a_body_in_answer_to_head() {
    let pair = Pair::start().await;
    let head = Request::head(pair.server.uri("/a")).body(Empty::new());
    let asked = pair.client.request(head.unwrap());
    let (response, _peer) = exchange(asked, pair.server.serve(ok("hello"))).await;
    assert_eq!(response.unwrap().status(), 200);
    let (response, _peer) = pair.get(ok("its own")).await;
    assert_eq!(text(response.unwrap()).await, "its own");
    assert_eq!(pair.connector.opened(), 2);
}

#[tokio::test]
async fn a_connection_is_not_used_again_while_its_request_is_still_being_sent() {
    let server = Server::start().await;
    let connector = Told::new();
    let (mut sender, pieces) = Channel::<Bytes>::new(1);
    let client = builder().build(connector.clone());
    let request = Request::post(server.uri("/a")).body(pieces);
    let (response, mut peer) =
        exchange(client.request(request.unwrap()), server.serve(ok(""))).await;
    assert_eq!(response.unwrap().status(), 200);
    let manager = client.manager().unwrap();
    assert_eq!(manager.stats().total.leased, 1);
    sender.send_data(Bytes::from("hello")).await.unwrap();
    drop(sender);
    assert_eq!(peer.read(15).await, "5\r\nhello\r\n0\r\n\r\n");
    eventually("it is given back", || manager.stats().total.idle == 1).await;
    assert_eq!((connector.opened(), connector.closed()), (1, 0));
}

#[tokio::test]
async fn the_limit_of_idle_connections_holds_for_each_host() {
    let connector = Told::new();
    let client = builder().pool_max_idle_per_host(1).build(connector.clone());
    let manager = client.manager().unwrap();
    let (one, other) = (serve_pairs().await, serve_pairs().await);
    for (uri, opened, closed) in [(&one, 2, 1), (&other, 4, 2), (&one, 5, 3)] {
        two_at_a_time(&client, uri).await;
        connector.until_closed(closed).await;
        eventually("all are back", || manager.stats().total.leased == 0).await;
        assert_eq!((connector.opened(), connector.closed()), (opened, closed));
    }
    assert_eq!(manager.stats().total.idle, 2);
}

async fn two_at_a_time(client: &Client<Told, Empty<Bytes>>, uri: &Uri) {
    for asked in [0, 1].map(|_| tokio::spawn(client.request(get(uri.clone())))) {
        let response = within(asked).await.unwrap().unwrap();
        assert_eq!(text(response).await, "");
    }
}

/// Answers requests when there are two.
async fn serve_pairs() -> Uri {
    let server = Server::start().await;
    let uri = server.uri("/");
    let both = Arc::new(Barrier::new(2));
    server.each(move |peer| {
        let both = Arc::clone(&both);
        async move {
            let answer = service_fn(async |_| {
                both.wait().await;
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            });
            let stream = TokioIo::new(peer.into_stream());
            let _ended = http1::Builder::new().serve_connection(stream, answer).await;
        }
    });
    uri
}

#[tokio::test]
async fn idle_connections_close_as_the_client_is_dropped() {
    let pair = Pair::start().await;
    let mut peer = pair.used().await;
    assert_eq!(pair.connector.closed(), 0);
    drop(pair.client);
    pair.connector.until_closed(1).await;
    peer.closed().await;
}

#[tokio::test]
async fn idle_connections_close_as_the_server_closes() {
    let pair = Pair::start().await;
    drop(pair.used().await);
    pair.connector.until_closed(1).await;
    assert_eq!(pair.totals().open, 0);
}

#[tokio::test]
async fn idle_connections_close_at_once_or_after_a_while_if_so_set() {
    let (mut none, mut short) = (builder(), builder());
    none.pool_max_idle_per_host(0);
    short.pool_idle_timeout(Duration::from_millis(10));
    for builder in [none, short] {
        let pair = Pair::of(&builder).await;
        let (response, mut peer) = pair.get(ok("a body")).await;
        assert_eq!(text(response.unwrap()).await, "a body");
        pair.connector.until_closed(1).await;
        peer.closed().await;
    }
}

#[tokio::test]
async fn a_dropped_body_closes_its_connection() {
    let known = "HTTP/1.1 200 OK\r\ncontent-length: 131072\r\n\r\npart";
    let unknown = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for head in [known, unknown] {
        let pair = Pair::start().await;
        let (response, mut peer) = pair.get(head).await;
        drop(response.unwrap());
        pair.connector.until_closed(1).await;
        peer.closed().await;
    }
}

#[tokio::test]
async fn a_request_dropped_before_its_answer_closes_its_connection() {
    let pair = Pair::start().await;
    let serve = async {
        let mut peer = pair.server.accept().await;
        peer.request().await;
        peer
    };
    let mut peer = tokio::select! {
        _ = pair.ask() => panic!("nothing was answered"),
        peer = within(serve) => peer,
    };
    pair.connector.until_closed(1).await;
    peer.closed().await;
}

#[tokio::test]
async fn a_connection_poisoned_while_idle_is_not_used_again() {
    // No second try: a poisoned connection is no failure.
    let pair = Pair::of(builder().retry_canceled_requests(false)).await;
    let mut request = get(pair.server.uri("/a"));
    let captured = capture_connection(&mut request);
    let asked = pair.client.request(request);
    let (response, mut peer) = exchange(asked, pair.server.serve(ok(""))).await;
    response.unwrap();
    for _ in 0..2 {
        pair.get_on(&mut peer, ok("")).await.unwrap();
    }
    assert_eq!(pair.connector.opened(), 1);
    captured.connection_metadata().as_ref().unwrap().poison();
    let (response, mut second) = pair.get(ok("")).await;
    response.unwrap();
    peer.closed().await;
    assert_eq!((pair.connector.opened(), pair.connector.closed()), (2, 1));
    pair.get_on(&mut second, ok("")).await.unwrap();
    assert_eq!(pair.connector.opened(), 2);
}

#[tokio::test]
async fn a_connection_poisoned_after_an_answer_is_not_used_again() {
    let pair = Pair::start().await;
    let mut request = get(pair.server.uri("/a"));
    let captured = capture_connection(&mut request);
    let asked = pair.client.request(request);
    let (response, mut peer) = exchange(asked, pair.server.serve(ok("bad"))).await;
    captured.connection_metadata().as_ref().unwrap().poison();
    assert_eq!(text(response.unwrap()).await, "bad");
    pair.get(ok("")).await.0.unwrap();
    peer.closed().await;
}

#[tokio::test]
async fn a_connection_poisoned_by_its_connector_serves_one_request() {
    let connector = Told::describing(|connected| {
        connected.poison();
        connected
    });
    let pair = Pair::with(&builder(), connector).await;
    for opened in [1, 2] {
        let (response, mut peer) = pair.get(ok("")).await;
        assert_eq!(response.unwrap().status(), 200);
        peer.closed().await;
        pair.connector.until_closed(opened).await;
        assert_eq!(pair.connector.opened(), opened);
    }
}
