//! H1: a connection that breaks ends all its exchanges; the client retries the idempotent ones.

use http::Request;

use super::server::{Server, ask, client};
use crate::support::{allocation, eventually, within};

#[tokio::test]
async fn one_that_had_been_used_is_replaced() {
    let (server, client) = (Server::start().await, client(1));
    let first = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(first).await.unwrap().unwrap();

    let post = Request::post(server.uri("/")).body("an order".to_owned());
    let post = tokio::spawn(client.request(post.unwrap()));
    peer.request().await;
    let get = ask(&client, server.uri("/"));
    peer.request().await;
    drop(peer);

    let error = within(post).await.unwrap().unwrap_err();
    assert_eq!((error.function(), error.resent()), ("response", 0));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    let response = within(get).await.unwrap().unwrap();
    assert_eq!(allocation(&response).resent, 1);
    drop(peer);
    eventually("gone", || client.manager().totals().open == 0).await;
}

#[tokio::test]
async fn a_fresh_one_is_not() {
    let (server, client) = (Server::start().await, client(1));
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    peer.request().await;
    drop(peer);
    let error = within(asked).await.unwrap().unwrap_err();
    assert_eq!((error.function(), error.resent()), ("response", 0));
    eventually("gone", || client.manager().totals().open == 0).await;
}
