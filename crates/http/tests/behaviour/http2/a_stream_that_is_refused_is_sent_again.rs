//! H1, H2: a server has not processed a stream that it refuses: any request is safe to send again
//! (RFC 9113, section 8.7).

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;

use super::server::{CANCEL, DATA, REFUSED_STREAM, Server, ask, client};
use crate::support::{allocation, within};

#[tokio::test]
async fn with_its_body() {
    let (server, client) = (Server::start().await, client(1));
    let body = Full::new(Bytes::from_static(b"an order"));
    let request = Request::post(server.uri("/")).body(body).unwrap();
    let asked = tokio::spawn(client.request(request));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    assert_eq!(peer.next(DATA).await.payload, b"an order");
    peer.reset(stream, REFUSED_STREAM).await;

    let stream = peer.request().await;
    assert_eq!(peer.next(DATA).await.payload, b"an order");
    peer.answer(stream).await;
    let response = within(asked).await.unwrap().unwrap();
    assert_eq!(allocation(&response).resent, 1);
    assert_eq!(client.manager().totals().opened, 1);
}

#[tokio::test]
async fn but_not_with_one_that_can_be_had_but_once() {
    let (server, client) = (Server::start().await, client(1));
    let body = Full::new(Bytes::from_static(b"an order")).map_frame(|frame| frame);
    let request = Request::post(server.uri("/")).body(body).unwrap();
    let asked = tokio::spawn(client.request(request));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.reset(stream, REFUSED_STREAM).await;
    let error = within(asked).await.unwrap().unwrap_err();
    assert_eq!((error.function(), error.resent()), ("response", 0));
    assert_eq!(
        client.manager().totals().idle,
        1,
        "the connection is as good as before"
    );
}

#[tokio::test]
async fn nor_one_that_was_cancelled() {
    let (server, client) = (Server::start().await, client(1));
    let request = Request::post(server.uri("/")).body(String::new()).unwrap();
    let asked = tokio::spawn(client.request(request));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.reset(stream, CANCEL).await;
    let error = within(asked).await.unwrap().unwrap_err();
    assert_eq!((error.function(), error.resent()), ("response", 0));
}

/// A server that refuses has too much to do.
#[tokio::test]
async fn and_not_at_once() {
    let (server, client) = (Server::start().await, client(1));
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let mut stream = peer.request().await;
    for _ in 0..3 {
        let refused = Instant::now();
        peer.reset(stream, REFUSED_STREAM).await;
        stream = peer.request().await;
        let waited = refused.elapsed();
        assert!(waited >= Duration::from_millis(10), "{waited:?}");
    }
    peer.answer(stream).await;
    let response = within(asked).await.unwrap().unwrap();
    assert_eq!(allocation(&response).resent, 3);
}

#[tokio::test]
async fn nor_more_often_than_is_allowed() {
    for retries in [0, 1, 2] {
        let (server, client) = (Server::start().await, client(1).retries(retries));
        let asked = ask(&client, server.uri("/"));
        let mut peer = server.accept(10).await;
        for _ in 0..=retries {
            let stream = peer.request().await;
            peer.reset(stream, REFUSED_STREAM).await;
        }
        let error = within(asked).await.unwrap().unwrap_err();
        assert_eq!((error.function(), error.resent()), ("response", retries));
    }
}
