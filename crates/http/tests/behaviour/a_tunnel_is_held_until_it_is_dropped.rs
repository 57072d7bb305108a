//! H8: `CONNECT` (RFC 9110, section 9.3.6): a connection answered with success speaks no HTTP any more.

#![allow(clippy::unwrap_used)]

use http::Request;
use hyper_util::rt::TokioIo;
use keepalive_http::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Peer, Server, allocation, client, eventually, exchange, ok, text, within};

#[tokio::test]
async fn what_is_sent_through_it_reaches_the_peer_and_back() {
    // It would announce a body, were it not a tunnel.
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello, you";
    let (server, client, response, mut peer) = connected(answer).await;
    let upgraded = within(hyper::upgrade::on(response)).await.unwrap();
    let mut upgraded = TokioIo::new(upgraded);
    let mut greeting = [0; 10];
    within(upgraded.read_exact(&mut greeting)).await.unwrap();
    assert_eq!(&greeting, b"hello, you", "it came with the head");
    upgraded.write_all(b"hello yourself").await.unwrap();
    assert_eq!(peer.read(14).await, "hello yourself");

    let next = tokio::spawn(client.get(server.uri("/")));
    eventually("it waits for its turn", || {
        client.manager().totals().waiting == 1
    })
    .await;
    assert_eq!(client.manager().totals().leased, 1);
    drop(upgraded);
    peer.closed().await;
    let _peer = server.serve(ok("next")).await;
    within(next).await.unwrap().unwrap();
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn nobody_wants_it() {
    let (_server, client, response, mut peer) = connected("HTTP/1.1 200 OK\r\n\r\n").await;
    drop(response);
    peer.closed().await;
    eventually("gone", || client.manager().totals().open == 0).await;
}

// hyper makes no tunnel of it. The server may have, and would pass the next request through it.
#[tokio::test]
async fn an_answer_without_content_is_no_reason_to_reuse_it() {
    let (_server, client, response, mut peer) = connected("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(response.status(), 204);
    peer.closed().await;
    within(hyper::upgrade::on(response)).await.unwrap_err();
    eventually("gone", || client.manager().totals().open == 0).await;
}

#[tokio::test]
async fn one_that_is_refused_is_an_answer_as_any_other() {
    let answer = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno";
    let (server, client, response, mut peer) = connected(answer).await;
    assert_eq!(text(response).await, "no");
    let again = client.request(tunnel(&server));
    let (response, _) = exchange(again, peer.serve("HTTP/1.1 200 OK\r\n\r\n")).await;
    assert!(allocation(&response.unwrap()).from_cache.is_some());
}

#[tokio::test]
async fn by_http_2_it_is_an_error() {
    use crate::http2;
    let (server, client) = (http2::Server::start().await, http2::client(1));
    let address = server.uri("/").authority().unwrap().to_string();
    let request = Request::connect(address).body(String::new()).unwrap();
    let ask = client.request(request);
    let (response, _peer) = exchange(Box::pin(ask), server.accept(10)).await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "request");
    assert!(error.to_string().contains("HTTP/1.1 only"), "{error}");
}

/// Asks for a tunnel, and is answered so.
async fn connected(answer: &str) -> (Server, Client, http::Response<keepalive_http::Body>, Peer) {
    let (server, client) = (Server::start().await, client(1));
    let serve = async {
        let mut peer = server.accept().await;
        (peer.serve(answer).await, peer)
    };
    let (response, (head, peer)) = exchange(client.request(tunnel(&server)), serve).await;
    let address = format!("127.0.0.1:{}", server.port());
    let expected = format!("CONNECT {address} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    assert_eq!(head, expected);
    (server, client, response.unwrap(), peer)
}

fn tunnel(server: &Server) -> Request<String> {
    let request = Request::connect(format!("127.0.0.1:{}", server.port()));
    request.body(String::new()).unwrap()
}
