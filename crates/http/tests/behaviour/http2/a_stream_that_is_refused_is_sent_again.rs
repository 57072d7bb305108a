//! A refused stream was not looked at: it is safe to ask again, whatever for (RFC 9113, section
//! 8.7).

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;

use super::server::{CANCEL, DATA, REFUSED_STREAM, Server, client};
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
