//! Before a connection is lent again the system is asked about it. A TLS session takes in what has
//! arrived then, which is for hyper, and the reactor has not told it yet.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::task::{Context, Waker};
use std::time::Duration;

use http::Uri;
use keepalive_http::{Client, Http};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::server::{Outcome, Peer, ask, client_of};
use super::tls::TlsServer;
use crate::support::within;

#[tokio::test]
async fn one_that_arrives_as_the_next_request_is_made() {
    let (client, uri, mut peer) = connected().await;
    let first = ask(&client, uri.clone());
    let held = peer.request().await;

    let later = later().await;
    peer.answer(held).await;
    let _never_answered = look(&client, &uri, later);
    within(first).await.unwrap().unwrap();
    assert_eq!(client.manager().totals().opened, 1);
}

#[tokio::test]
async fn more_than_a_session_has_room_for() {
    let (client, uri, mut peer) = connected().await;
    let first = ask(&client, uri.clone());
    let held = peer.request().await;
    peer.begin(held).await;
    let response = within(first).await.unwrap().unwrap();

    for _ in 0..8 {
        let later = later().await;
        peer.data(held, &"x".repeat(4096)).await;
        drop(look(&client, &uri, later));
    }
    peer.end(held, "").await;
    let body = crate::support::text(response);
    assert_eq!(within(body).await.len(), 8 * 4096);
    assert_eq!(client.manager().totals().opened, 1);
}

/// A client whose connection has served a request.
async fn connected() -> (Client, Uri, Peer<TlsStream<TcpStream>>) {
    let server = TlsServer::start(&["h2"]).await;
    let client = client_of(Http::over(server.net()), 1);
    let uri = server.uri();
    let first = ask(&client, uri.clone());
    let mut peer = Peer::greet(within(server.accept()).await.unwrap(), 100).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(first).await.unwrap().unwrap();
    (client, uri, peer)
}

/// Of a connection used a moment ago the system would not be asked.
async fn later() -> Later {
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(2)).await;
    tokio::time::resume();
    Later
}

struct Later;

/// Begins a request, for which the connection is looked at. Nothing is awaited meanwhile, so that
/// only the system knows what the server has just sent.
fn look(client: &Client, uri: &Uri, _: Later) -> impl Future<Output = Outcome> {
    let mut asked = Box::pin(client.get(uri.clone()));
    let pending = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(pending.is_pending());
    asked
}
