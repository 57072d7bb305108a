//! C4: before it lends a connection again, the manager checks its socket. A TLS session then reads
//! bytes meant for hyper, before the reactor has reported them to hyper.

#![allow(clippy::unwrap_used)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::Uri;
use keepalive::{Connection, Request};
use keepalive_http::{Client, Http};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::server::{Peer, ask, client_of};
use super::tls::TlsServer;
use crate::support::within;

#[tokio::test]
async fn one_that_arrives_as_a_request_is_withdrawn() {
    let (client, uri, mut peer) = connected().await;
    let first = ask(&client, uri.clone());
    let held = peer.request().await;

    later();
    peer.answer(held).await;
    look(&client, &uri);
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
        later();
        peer.data(held, &"x".repeat(4096)).await;
        look(&client, &uri);
    }
    peer.end(held, "").await;
    let body = crate::support::text(response);
    assert_eq!(within(body).await.len(), 8 * 4096);

    let next = ask(&client, uri);
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(next).await.unwrap().unwrap();
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

/// Waits until the connection needs a check: a recently used one has none. No other task runs
/// meanwhile.
fn later() {
    let now = Instant::now();
    while now.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
}

/// Leases the connection and checks it, as a client does before it sends a request. No await happens
/// meanwhile, so that only the kernel knows of the bytes that the server has just sent.
fn look(client: &Client, uri: &Uri) {
    let request = Request::new("https", uri.host().unwrap(), uri.port_u16().unwrap()).unwrap();
    let pending = pin!(client.manager().allocate(request));
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(lease) = pending.poll(&mut context) else {
        panic!("it has room");
    };
    let mut lease = lease.unwrap();
    lease.check().unwrap();
    lease.free();
}
