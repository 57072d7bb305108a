//! H13: after a 421 response, the client may try another connection (RFC 9110, section 15.5.20).

#![allow(clippy::unwrap_used)]

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;

use crate::http2;
use crate::support::{Server, allocation, client, exchange, ok, text, within};

const MISDIRECTED: &str = "HTTP/1.1 421 Misdirected Request\r\ncontent-length: 5\r\n\r\nwrong";

#[tokio::test]
async fn whatever_it_asks_for() {
    let (server, client) = (Server::start().await, client(1));
    let order = Request::post(server.uri("/")).body("an order".to_owned());
    let serve = async {
        let mut wrong = server.serve(MISDIRECTED).await;
        let mut right = server.accept().await;
        right.request().await;
        assert_eq!(right.read(8).await, "an order");
        right.send(&ok("right")).await;
        assert_eq!(wrong.rest().await, "an order");
    };
    let (response, ()) = exchange(client.request(order.unwrap()), serve).await;
    let response = response.unwrap();
    assert_eq!(
        (response.status().as_u16(), allocation(&response).resent),
        (200, 1)
    );
    assert_eq!(text(response).await, "right");
}

#[tokio::test]
async fn but_once() {
    let (server, client) = (Server::start().await, client(1));
    let serve = async {
        let first = server.serve(MISDIRECTED).await;
        (first, server.serve(MISDIRECTED).await)
    };
    let (response, _peers) = exchange(client.get(server.uri("/")), serve).await;
    let response = response.unwrap();
    assert_eq!(
        (response.status().as_u16(), allocation(&response).resent),
        (421, 1)
    );
    assert_eq!(text(response).await, "wrong");
}

#[tokio::test]
async fn nor_with_a_body_that_can_be_had_but_once() {
    let (server, client) = (Server::start().await, client(1));
    let body = Full::new(Bytes::from_static(b"an order")).map_frame(|frame| frame);
    let order = Request::post(server.uri("/")).body(body).unwrap();
    let (response, _peer) = exchange(client.request(order), server.serve(MISDIRECTED)).await;
    let response = response.unwrap();
    assert_eq!(
        (response.status().as_u16(), allocation(&response).resent),
        (421, 0)
    );
    drop(response);
}

#[tokio::test]
async fn and_its_neighbours_go_on() {
    let (server, client) = (http2::Server::start().await, http2::client(2));
    let neighbour = tokio::spawn(client.get(server.uri("/")));
    let mut wrong = server.accept(10).await;
    let beside = wrong.request().await;
    wrong.begin(beside).await;
    let neighbour = within(neighbour).await.unwrap().unwrap();

    let asked = tokio::spawn(client.get(server.uri("/")));
    let stream = wrong.request().await;
    wrong.answer_with(stream, "421").await;
    let mut right = server.accept(10).await;
    let stream = right.request().await;
    right.answer(stream).await;
    let response = within(asked).await.unwrap().unwrap();
    assert_eq!(
        (response.status().as_u16(), allocation(&response).resent),
        (200, 1)
    );
    wrong.end(beside, "all the while").await;
    assert_eq!(text(neighbour).await, "all the while");
}
