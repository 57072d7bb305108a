//! H1: a connection that breaks ends all its exchanges; the client retries the idempotent ones.
//!
//! H9: a server may lower its limit of streams just as a request leaves. A request inside hyper
//! then waits for a stream and cannot be taken back, and its connection may end meanwhile.

#![allow(clippy::unwrap_used)]

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Method, Request};
use keepalive::{ErrorKind, Manager, Reason};
use keepalive_http::{Client, Http};
use keepalive_testkit::http_server;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::frames::{HEADERS, NO_ERROR, PROTOCOL_ERROR, Peer, Server, settings};
use super::{answered, ask, client, failed, order};
use crate::support::wire::Wire;
use crate::support::{allocation, eventually, exchange, within};

#[tokio::test]
async fn a_get_lost_with_a_used_connection_is_sent_again_and_a_post_is_not() {
    let (server, client) = (Server::start().await, client(1));
    let mut peer = server.used(&client).await;
    let post = order(&client, server.uri("/"));
    peer.request().await;
    let get = ask(&client, server.uri("/"));
    peer.request().await;
    drop(peer);

    let error = failed(post).await;
    assert_eq!((error.function(), error.resent()), ("response", 0));
    let peer = server.served().await;
    assert_eq!(allocation(&answered(get).await).resent, 1);
    drop(peer);
    let closed = || client.manager().totals().open == 0;
    eventually("the connection is closed", closed).await;
}

#[tokio::test]
async fn a_get_lost_with_a_fresh_connection_is_not_sent_again() {
    let (server, client) = (Server::start().await, client(1));
    let asked = ask(&client, server.uri("/"));
    let (peer, _) = server.asked().await;
    drop(peer);
    let error = failed(asked).await;
    assert_eq!((error.function(), error.resent()), ("response", 0));
    let closed = || client.manager().totals().open == 0;
    eventually("the connection is closed", closed).await;
}

/// On one thread, hyper reads the end of the connection before the waiting requests are polled.
#[tokio::test]
async fn a_server_that_ends_every_connection_is_asked_twice_a_request_at_most() {
    const REQUESTS: usize = 64;
    let server = http_server::Server::start().await;
    let uri = server.uri("/");
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    server.each(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async {}
    });
    let client = client(REQUESTS);
    for asked in [(); REQUESTS].map(|()| ask(&client, uri.clone())) {
        if let Some(error) = failed(asked).await.allocate() {
            assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
            assert_eq!(error.function(), "check");
            assert!(error.is_retryable(), "{error:?}");
        }
    }
    let accepted = accepted.load(Ordering::SeqCst);
    assert!(accepted <= 2 * REQUESTS, "{accepted} connections");
}

/// No byte of it has been sent, so it goes to another connection, whatever its method.
#[tokio::test]
async fn a_request_that_waits_for_a_stream_is_sent_elsewhere_if_the_connection_ends() {
    for method in [Method::GET, Method::POST] {
        for (last, reason) in [
            (1, NO_ERROR),
            (u32::MAX >> 1, NO_ERROR),
            (1, PROTOCOL_ERROR),
        ] {
            let (client, mut server) = wired(10);
            let mut peer = used(&client, &mut server).await;
            peer.allow(0).await;
            let mut asked = send(&client, &method);
            assert!(is_pending(&mut asked).await);
            let serve = async {
                peer.heard().await;
                peer.goaway_for(last, reason).await;
                let mut other = Peer::meet(server.recv().await.unwrap()).await;
                other.serve().await;
                other
            };
            let lost = |error| panic!("{method} after {last}: {error}");
            let answered = async { asked.await.unwrap_or_else(lost) };
            let (resent, _other) = exchange(answered, serve).await;
            assert_eq!(resent, 1, "{method} after {last}");
            while let Some(frame) = peer.frame().await {
                assert_ne!(frame.kind, HEADERS, "{method} after {last}");
            }
        }
    }
}

/// The server may have acted on that request, and hyper reports the same error for both.
#[test]
fn a_post_that_has_left_is_not_sent_again_when_the_runtime_ends() {
    let (client, mut server) = wired(10);
    let (mut asked, peer) = run(async {
        let mut peer = used(&client, &mut server).await;
        let mut asked = send(&client, &Method::POST);
        assert!(is_pending(&mut asked).await);
        peer.request().await;
        peer.allow(0).await;
        peer.goaway().await;
        peer.heard().await;
        eventually("it is retired", || client.manager().totals().open == 1).await;
        assert!(is_pending(&mut asked).await);
        (asked, peer)
    });
    run(async {
        let error = within(&mut asked).await.unwrap_err();
        assert!(server.try_recv().is_err(), "{error}");
    });
    drop(peer);
}

/// The server sends first, as it may over TLS.
#[tokio::test]
async fn a_request_waits_where_a_server_allows_no_stream_before_it_is_sent() {
    for streams in [0, 1] {
        let (client, mut server) = wired(streams);
        let asked = tokio::spawn(send(&client, &Method::POST));
        let mut peer = Peer::meet(server.recv().await.unwrap()).await;
        if streams == 0 {
            let totals = || client.manager().totals();
            eventually("it waits", || totals().waiting == 1).await;
            let other = keepalive::Request::new("http", "h.test", 80).unwrap();
            let reason = client.manager().allocate(other).waiting();
            let reason = reason.map(|waiting| waiting.reason());
            assert_eq!(reason, Some(Reason::PeerLimit));
            // There was no request before that.
            peer.heard().await;
            peer.allow(1).await;
        }
        peer.serve().await;
        assert_eq!(within(asked).await.unwrap().unwrap(), 0);
        assert_eq!(client.manager().totals().opened, 1);
    }
}

/// It keeps no connection, so it opens another for each try.
#[tokio::test(start_paused = true)]
async fn a_request_without_a_stream_opens_no_storm_of_connections_where_none_is_kept() {
    let (wire, mut server) = Wire::new();
    let time = Duration::from_secs(20);
    let builder = Manager::builder().keep_alive(Duration::ZERO).timeout(time);
    let http = Http::over(wire.greeting(settings(0))).http2_only();
    let client = Client::new(builder.connector(http).build().unwrap());
    let mut asked = tokio::spawn(send(&client, &Method::GET));
    let mut peers = Vec::new();
    loop {
        tokio::select! {
            answered = &mut asked => {
                answered.unwrap().unwrap_err();
                break;
            }
            peer = server.recv() => peers.push(peer.unwrap()),
        }
        assert!(peers.len() < 100, "a storm");
    }
    assert!(peers.len() > 1, "each try has its own");
}

type Answer = Result<u32, keepalive_http::Error>;

/// How often the request was sent again.
fn send(client: &Client<Wire>, method: &Method) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    let request = Request::builder().method(method).uri("http://h.test/");
    let asked = client.request(request.body(String::new()).unwrap());
    Box::pin(async move {
        let response = asked.await?;
        Ok(response.body().allocation().resent)
    })
}

async fn is_pending(asked: &mut Pin<Box<dyn Future<Output = Answer> + Send>>) -> bool {
    poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_pending())).await
}

/// The other end of a connection that has served a request.
async fn used(
    client: &Client<Wire>,
    server: &mut UnboundedReceiver<DuplexStream>,
) -> Peer<DuplexStream> {
    let asked = tokio::spawn(send(client, &Method::GET));
    let mut peer = Peer::meet(server.recv().await.unwrap()).await;
    peer.serve().await;
    within(asked).await.unwrap().unwrap();
    peer
}

/// A client whose connections' other ends are received, and have allowed so many streams.
fn wired(streams: u32) -> (Client<Wire>, UnboundedReceiver<DuplexStream>) {
    let (wire, server) = Wire::new();
    let http = Http::over(wire.greeting(settings(streams))).http2_only();
    let builder = Manager::builder().max_per_host(2);
    (
        Client::new(builder.connector(http).build().unwrap()),
        server,
    )
}

fn run<R>(test: impl Future<Output = R>) -> R {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(test)
}
