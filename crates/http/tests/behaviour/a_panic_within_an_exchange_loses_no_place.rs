//! C2: the place of a connection comes back after a panic of the caller or of a request's body.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Request;
use hyper::body::{Body, Bytes, Frame};
use keepalive_http::Client;

use crate::support::{Server, allocation, client, eventually, exchange, ok, text, within};

#[tokio::test]
async fn of_who_has_the_response_in_hand() {
    let (server, client) = (Server::start().await, client(1));
    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\non";
    let (response, mut peer) = exchange(client.get(server.uri("/")), server.serve(begun)).await;
    let task = tokio::spawn(async move {
        let _response = response.unwrap();
        panic!("on purpose, with a response in hand");
    });
    assert!(within(task).await.unwrap_err().is_panic());
    peer.closed().await;
    serves(&server, &client).await;
}

#[tokio::test]
async fn of_what_is_uploaded() {
    let (server, client) = (Server::start().await, client(1));
    let request = Request::put(server.uri("/")).body(Panics).unwrap();
    let (response, mut peer) = exchange(client.request(request), server.accept()).await;
    let error = response.unwrap_err();
    assert!(
        ["request", "response"].contains(&error.function()),
        "{error}"
    );
    peer.rest().await;
    eventually("gone", || client.manager().totals().open == 0).await;
    serves(&server, &client).await;
}

async fn serves(server: &Server, client: &Client) {
    let (response, _peer) = exchange(client.get(server.uri("/")), server.serve(ok("next"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(text(response).await, "next");
    assert_eq!(client.manager().totals().open, 1);
}

struct Panics;

impl Body for Panics {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("on purpose, within an upload");
    }
}
