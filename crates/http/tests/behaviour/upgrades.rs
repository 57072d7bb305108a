//! H8, L1: an upgraded connection, a websocket for example, and a tunnel count against the limits
//! until they are dropped.

#![allow(clippy::unwrap_used)]

use http::Request;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::http2;
use crate::support::{Pair, Peer, allocation, eventually, exchange, ok, text, within};

const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello";
const TUNNEL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

type Response = http::Response<keepalive_http::Body>;

/// Asks for an upgrade, or for a tunnel, and is answered so.
async fn answered(is_tunnel: bool, answer: &str) -> (Pair, Response, Peer) {
    let pair = Pair::start().await;
    let request = if is_tunnel {
        tunnel(&pair)
    } else {
        let request = Request::get(pair.server.uri("/")).header("connection", "upgrade");
        let request = request.header("upgrade", "echo");
        request.body(String::new()).unwrap()
    };
    let serve = async {
        let mut peer = pair.server.accept().await;
        (peer.serve(answer).await, peer)
    };
    let (response, (head, peer)) = exchange(pair.client.request(request), serve).await;
    if is_tunnel {
        let address = format!("127.0.0.1:{}", pair.server.port());
        let expected = format!("CONNECT {address} HTTP/1.1\r\nhost: {address}\r\n\r\n");
        assert_eq!(head, expected);
    }
    (pair, response.unwrap(), peer)
}

fn tunnel(pair: &Pair) -> Request<String> {
    let request = Request::connect(format!("127.0.0.1:{}", pair.server.port()));
    request.body(String::new()).unwrap()
}

async fn is_gone(pair: &Pair, mut peer: Peer) {
    peer.closed().await;
    let closed = || pair.client.manager().totals().open == 0;
    eventually("the connection is closed", closed).await;
}

/// The response of a tunnel would announce a body, were it not a tunnel.
#[tokio::test]
async fn an_upgraded_connection_and_a_tunnel_hold_their_permit_until_they_are_dropped() {
    for (is_tunnel, answer) in [(false, SWITCHING), (true, TUNNEL)] {
        let (pair, response, mut peer) = answered(is_tunnel, answer).await;
        let upgraded = within(hyper::upgrade::on(response)).await.unwrap();
        let mut upgraded = TokioIo::new(upgraded);
        let mut greeting = [0; 5];
        within(upgraded.read_exact(&mut greeting)).await.unwrap();
        assert_eq!(&greeting, b"hello", "it came with the head");
        upgraded.write_all(b"hello yourself").await.unwrap();
        assert_eq!(peer.read(14).await, "hello yourself");

        let next = tokio::spawn(pair.client.get(pair.server.uri("/")));
        let totals = || pair.client.manager().totals();
        eventually("the next request waits", || totals().waiting == 1).await;
        assert_eq!(totals().leased, 1);
        if !is_tunnel {
            upgraded.shutdown().await.unwrap();
            peer.closed().await;
        }
        drop(upgraded);
        peer.closed().await;
        let _peer = pair.server.serve(ok("next")).await;
        within(next).await.unwrap().unwrap();
        assert_eq!(totals().opened, 2);
    }
}

#[tokio::test]
async fn an_upgrade_and_a_tunnel_whose_response_is_dropped_close() {
    for (is_tunnel, answer) in [(false, SWITCHING), (true, TUNNEL)] {
        let (pair, response, peer) = answered(is_tunnel, answer).await;
        drop(response);
        is_gone(&pair, peer).await;
    }
}

// hyper makes no tunnel of it. The server may have, and would pass the next request through it.
#[tokio::test]
async fn a_tunnel_that_is_answered_without_content_is_not_used_again() {
    let (pair, response, peer) = answered(true, "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(response.status(), 204);
    is_gone(&pair, peer).await;
    within(hyper::upgrade::on(response)).await.unwrap_err();
}

#[tokio::test]
async fn a_tunnel_that_is_refused_leaves_its_connection_for_the_next() {
    let answer = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno";
    let (pair, response, mut peer) = answered(true, answer).await;
    assert_eq!(text(response).await, "no");
    let again = pair.client.request(tunnel(&pair));
    let (response, _) = exchange(again, peer.serve("HTTP/1.1 200 OK\r\n\r\n")).await;
    assert!(allocation(&response.unwrap()).from_cache.is_some());
}

#[tokio::test]
async fn a_tunnel_by_http_2_is_an_error() {
    let (server, client) = (http2::Server::start().await, http2::client(1));
    let address = server.uri("/").authority().unwrap().to_string();
    let request = Request::connect(address).body(String::new()).unwrap();
    let asked = Box::pin(client.request(request));
    let (response, _peer) = exchange(asked, server.accept(10)).await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "request");
    assert!(error.to_string().contains("HTTP/1.1 only"), "{error}");
}
