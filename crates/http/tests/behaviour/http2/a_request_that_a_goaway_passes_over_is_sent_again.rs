//! H1: a server has not processed streams after the last one that its GOAWAY names. Any such
//! request is safe to send again, even one on a new connection (RFC 9113, section 6.8).

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use http::Request;

use super::server::{ENHANCE_YOUR_CALM, Outcome, Server, ask, client};
use crate::support::{allocation, within};

#[tokio::test]
async fn on_another_connection() {
    let (server, client) = (Server::start().await, client(1));
    let asked = order(&client, &server);
    let mut peer = server.accept(10).await;
    peer.request().await;
    peer.goaway_after(0).await;

    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    let response = within(asked).await.unwrap().unwrap();
    assert_eq!(allocation(&response).resent, 1);
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn but_not_one_that_may_have_been_looked_at() {
    let (server, client) = (Server::start().await, client(1));
    let asked = order(&client, &server);
    let mut peer = server.accept(10).await;
    peer.request().await;
    peer.goaway().await;
    drop(peer);
    let error = within(asked).await.unwrap().unwrap_err();
    assert_eq!((error.function(), error.resent()), ("response", 0));
}

#[tokio::test]
async fn nor_more_often_than_is_allowed() {
    let (server, client) = (Server::start().await, client(1).retries(1));
    let asked = order(&client, &server);
    for _ in 0..2 {
        let mut peer = server.accept(10).await;
        peer.request().await;
        peer.goaway_after(0).await;
    }
    let error = within(asked).await.unwrap().unwrap_err();
    assert_eq!((error.function(), error.resent()), ("response", 1));
}

/// The same on a reused connection.
#[tokio::test]
async fn and_not_at_once_if_it_was_for_an_error() {
    let (server, client) = (Server::start().await, client(1));
    let first = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(first).await.unwrap().unwrap();

    let asked = order(&client, &server);
    peer.request().await;
    let turned_away = Instant::now();
    peer.goaway_for(stream, ENHANCE_YOUR_CALM).await;
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    let waited = turned_away.elapsed();
    assert!(waited >= Duration::from_millis(10), "{waited:?}");
    peer.answer(stream).await;
    let response = within(asked).await.unwrap().unwrap();
    assert_eq!(allocation(&response).resent, 1);
}

fn order(client: &keepalive_http::Client, server: &Server) -> tokio::task::JoinHandle<Outcome> {
    let request = Request::post(server.uri("/")).body("an order".to_owned());
    tokio::spawn(client.request(request.unwrap()))
}
