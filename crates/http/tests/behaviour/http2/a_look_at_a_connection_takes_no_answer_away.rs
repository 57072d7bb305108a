//! C4: before it lends a connection again, the manager checks its socket. A TLS session then reads
//! bytes meant for hyper, before the reactor has reported them to hyper.

#![allow(clippy::unwrap_used)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::Uri;
use keepalive::Request;
use keepalive_http::{Client, Http};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::server::{PING, Peer, ask, client_of};
use super::tls::TlsServer;
use crate::support::within;

/// A type of frame that nobody knows, and so passes over (RFC 9113, section 4.1).
const UNKNOWN: u8 = 0xfa;

#[tokio::test]
async fn a_ping_that_a_check_reads_is_answered() {
    let (client, uri, mut peer) = connected().await;
    later();
    peer.send(PING, 0, 0, &[7; 8]).await;
    look(&client, &uri);
    assert_eq!(peer.next(PING).await.payload, [7; 8]);
    serves_on(&client, uri, &mut peer).await;
}

#[tokio::test]
async fn checks_read_no_more_than_a_session_has_room_for() {
    let (client, uri, mut peer) = connected().await;
    for _ in 0..8 {
        later();
        peer.send(UNKNOWN, 0, 0, &[0; 4096]).await;
        look(&client, &uri);
    }
    serves_on(&client, uri, &mut peer).await;
}

/// The next request goes by the same connection.
async fn serves_on(client: &Client, uri: Uri, peer: &mut Peer<TlsStream<TcpStream>>) {
    let next = ask(client, uri);
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

/// Takes the connection, which is checked for that, and gives it back. No await happens meanwhile, so
/// that only the kernel knows of the bytes that the server has just sent.
fn look(client: &Client, uri: &Uri) {
    let request = Request::new("https", uri.host().unwrap(), uri.port_u16().unwrap()).unwrap();
    let pending = pin!(client.manager().allocate(request));
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(lease) = pending.poll(&mut context) else {
        panic!("it is idle");
    };
    lease.unwrap().free();
}
