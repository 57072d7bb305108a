//! Which connections are used again, and when idle ones close.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keepalive_http::legacy::Client;
use keepalive_http::legacy::connect::capture_connection;
use tokio::net::TcpListener;
use tokio::sync::{Barrier, mpsc};

use crate::support::{
    Peer, Pieces, Server, Told, builder, client, eventually, exchange, get, ok, text, within,
};

#[tokio::test]
async fn a_connection_is_used_again_after_an_empty_response() {
    let (server, connector, client) = start().await;
    let (_, mut peer) = exchange(client.request(get(server.uri("/a"))), server.serve(ok(""))).await;
    for path in ["/b", "/c"] {
        let ask = client.request(get(server.uri(path)));
        let (response, head) = exchange(ask, peer.serve(ok(""))).await;
        assert_eq!(response.unwrap().status(), 200);
        assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")));
    }
    assert_eq!(connector.opened(), 1);
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_chunked_body_has_been_read() {
    let (server, connector, client) = start().await;
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let (response, mut peer) =
        exchange(client.request(get(server.uri("/a"))), server.serve(chunked)).await;
    assert_eq!(text(response.unwrap()).await, "hello");
    let manager = client.manager().unwrap();
    eventually("it is given back", || manager.stats().total.idle == 1).await;
    let (response, _) = exchange(
        client.request(get(server.uri("/b"))),
        peer.serve(ok("again")),
    )
    .await;
    assert_eq!(text(response.unwrap()).await, "again");
    assert_eq!(connector.opened(), 1);
}

#[tokio::test]
async fn a_connection_is_not_used_again_after_a_body_in_answer_to_head() {
    let (server, connector, client) = start().await;
    let head = Request::builder()
        .method(Method::HEAD)
        .uri(server.uri("/a"));
    let head = head.body(Empty::<Bytes>::new()).unwrap();
    let (response, _peer) = exchange(client.request(head), server.serve(ok("hello"))).await;
    assert_eq!(response.unwrap().status(), 200);
    let (response, _) = exchange(
        client.request(get(server.uri("/b"))),
        server.serve(ok("its own")),
    )
    .await;
    assert_eq!(text(response.unwrap()).await, "its own");
    assert_eq!(connector.opened(), 2);
}

#[tokio::test]
async fn a_connection_is_not_used_again_while_its_request_is_still_being_sent() {
    let server = Server::start().await;
    let connector = Told::new();
    let (sender, pieces) = mpsc::channel(1);
    let client = builder().build(connector.clone());
    let request = Request::post(server.uri("/a")).body(Pieces(pieces));
    let (response, mut peer) =
        exchange(client.request(request.unwrap()), server.serve(ok(""))).await;
    assert_eq!(response.unwrap().status(), 200);
    let manager = client.manager().unwrap();
    assert_eq!(manager.stats().total.leased, 1);
    sender.send(Bytes::from("hello")).await.unwrap();
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
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let both = Arc::new(Barrier::new(2));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let both = Arc::clone(&both);
            let answer = service_fn(move |_| {
                let both = Arc::clone(&both);
                async move {
                    both.wait().await;
                    Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    uri.parse().unwrap()
}

/// Has an exchange, after which the connection is idle.
async fn fetch(server: &Server, client: &Client<Told, Empty<Bytes>>) -> Peer {
    let ask = client.request(get(server.uri("/a")));
    let (response, peer) = exchange(ask, server.serve(ok("a body"))).await;
    assert_eq!(text(response.unwrap()).await, "a body");
    peer
}

#[tokio::test]
async fn idle_connections_close_as_the_client_is_dropped() {
    let (server, connector, client) = start().await;
    let mut peer = fetch(&server, &client).await;
    assert_eq!(connector.closed(), 0);
    drop(client);
    connector.until_closed(1).await;
    peer.closed().await;
}

#[tokio::test]
async fn idle_connections_close_as_the_server_closes() {
    let (server, connector, client) = start().await;
    drop(fetch(&server, &client).await);
    connector.until_closed(1).await;
    assert_eq!(client.manager().unwrap().stats().total.open, 0);
}

#[tokio::test]
async fn idle_connections_close_at_once_where_none_are_to_be_kept() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = builder().pool_max_idle_per_host(0).build(connector.clone());
    let mut peer = fetch(&server, &client).await;
    connector.until_closed(1).await;
    peer.closed().await;
}

#[tokio::test]
async fn idle_connections_close_after_the_idle_timeout() {
    let server = Server::start().await;
    let connector = Told::new();
    let time = Duration::from_millis(10);
    let client = builder().pool_idle_timeout(time).build(connector.clone());
    let mut peer = fetch(&server, &client).await;
    connector.until_closed(1).await;
    peer.closed().await;
}

#[tokio::test]
async fn a_dropped_body_of_known_length_closes_its_connection() {
    let (server, connector, client) = start().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 131072\r\n\r\n";
    let (response, mut peer) =
        exchange(client.request(get(server.uri("/a"))), server.serve(head)).await;
    peer.send(&"x".repeat(1024)).await;
    drop(response.unwrap());
    connector.until_closed(1).await;
}

#[tokio::test]
async fn a_dropped_body_of_unknown_length_closes_its_connection() {
    let (server, connector, client) = start().await;
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (response, mut peer) =
        exchange(client.request(get(server.uri("/a"))), server.serve(head)).await;
    drop(response.unwrap());
    connector.until_closed(1).await;
    peer.closed().await;
}

#[tokio::test]
async fn a_request_dropped_before_its_answer_closes_its_connection() {
    let (server, connector, client) = start().await;
    let ask = client.request(get(server.uri("/a")));
    let serve = async {
        let mut peer = server.accept().await;
        peer.request().await;
        peer
    };
    let mut peer = tokio::select! {
        _ = ask => panic!("nothing was answered"),
        peer = within(serve) => peer,
    };
    connector.until_closed(1).await;
    peer.closed().await;
}

#[tokio::test]
async fn a_connection_poisoned_while_idle_is_not_used_again() {
    let server = Server::start().await;
    let connector = Told::new();
    // No second try: a poisoned connection is no failure.
    let client = builder()
        .retry_canceled_requests(false)
        .build(connector.clone());
    let mut request = get(server.uri("/a"));
    let captured = capture_connection(&mut request);
    let (response, mut peer) = exchange(client.request(request), server.serve(ok(""))).await;
    response.unwrap();
    for _ in 0..2 {
        let ask = client.request(get(server.uri("/b")));
        exchange(ask, peer.serve(ok(""))).await.0.unwrap();
    }
    assert_eq!(connector.opened(), 1);
    captured.connection_metadata().as_ref().unwrap().poison();
    let ask = client.request(get(server.uri("/c")));
    let (response, mut second) = exchange(ask, server.serve(ok(""))).await;
    response.unwrap();
    peer.closed().await;
    assert_eq!((connector.opened(), connector.closed()), (2, 1));
    let ask = client.request(get(server.uri("/d")));
    exchange(ask, second.serve(ok(""))).await.0.unwrap();
    assert_eq!(connector.opened(), 2);
}

#[tokio::test]
async fn a_connection_poisoned_after_an_answer_is_not_used_again() {
    let (server, _, client) = start().await;
    let mut request = get(server.uri("/a"));
    let captured = capture_connection(&mut request);
    let (response, mut peer) = exchange(client.request(request), server.serve(ok("bad"))).await;
    captured.connection_metadata().as_ref().unwrap().poison();
    assert_eq!(text(response.unwrap()).await, "bad");
    let ask = client.request(get(server.uri("/b")));
    exchange(ask, server.serve(ok(""))).await.0.unwrap();
    peer.closed().await;
}

#[tokio::test]
async fn a_connection_poisoned_by_its_connector_serves_one_request() {
    let server = Server::start().await;
    let connector = Told::describing(|connected| {
        connected.poison();
        connected
    });
    let client = client(&connector);
    for opened in [1, 2] {
        let ask = client.request(get(server.uri("/a")));
        let (response, mut peer) = exchange(ask, server.serve(ok(""))).await;
        assert_eq!(response.unwrap().status(), 200);
        peer.closed().await;
        connector.until_closed(opened).await;
        assert_eq!(connector.opened(), opened);
    }
}

/// A server, a connector that counts, and a client with it.
async fn start() -> (Server, Told, Client<Told, Empty<Bytes>>) {
    let connector = Told::new();
    let client = client(&connector);
    (Server::start().await, connector, client)
}
