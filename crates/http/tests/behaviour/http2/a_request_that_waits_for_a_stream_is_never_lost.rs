//! H1, H9: a server may lower its limit of streams just as a request leaves. A request inside hyper
//! then waits for a stream and cannot be taken back, and its connection may end meanwhile.

#![allow(clippy::unwrap_used)]

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use http::{Method, Request};
use keepalive::{Manager, Reason};
use keepalive_http::{Allocation, Client, Http};
use tokio::io::DuplexStream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::server::{HEADERS, NO_ERROR, PROTOCOL_ERROR, Peer, settings};
use crate::support::wire::Wire;
use crate::support::{eventually, within};

/// No byte of it has been sent, so it goes to another connection, whatever its method.
#[tokio::test]
async fn it_is_sent_elsewhere_if_the_connection_ends() {
    for method in [Method::GET, Method::POST] {
        for (last, reason) in [
            (1, NO_ERROR),
            (u32::MAX >> 1, NO_ERROR),
            (1, PROTOCOL_ERROR),
        ] {
            let (client, mut server) = wired(10);
            let mut peer = used(&client, &mut server).await;
            peer.allow(0).await;
            let mut asked = ask(&client, &method);
            assert!(is_pending(&mut asked).await);
            let serve = async {
                peer.heard().await;
                peer.goaway_for(last, reason).await;
                let mut other = Peer::meet(server.recv().await.unwrap()).await;
                let stream = other.request().await;
                other.answer(stream).await;
                other
            };
            let lost = |error| panic!("{method} after {last}: {error}");
            let answered = async { asked.await.unwrap_or_else(lost) };
            let (resent, _other) = within(async { tokio::join!(answered, serve) }).await;
            assert_eq!(resent, 1, "{method} after {last}");
            while let Some(frame) = peer.frame().await {
                assert_ne!(frame.kind, HEADERS, "{method} after {last}");
            }
        }
    }
}

/// The server may have acted on that request, and hyper reports the same error for both.
#[test]
fn one_that_has_left_is_not_sent_again_when_the_runtime_ends() {
    let (client, mut server) = wired(10);
    let (mut asked, peer) = run(async {
        let mut peer = used(&client, &mut server).await;
        let mut asked = ask(&client, &Method::POST);
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
async fn one_that_may_not_leave_waits_for_its_turn_instead() {
    for streams in [0, 1] {
        let (client, mut server) = wired(streams);
        let asked = tokio::spawn(ask(&client, &Method::POST));
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
        let stream = peer.request().await;
        peer.answer(stream).await;
        assert_eq!(within(asked).await.unwrap().unwrap(), 0);
        assert_eq!(client.manager().totals().opened, 1);
    }
}

/// It keeps no connection, so it opens another for each try.
#[tokio::test(start_paused = true)]
async fn nor_does_it_storm_where_nothing_is_kept() {
    let (wire, mut server) = Wire::new();
    let time = Duration::from_secs(20);
    let builder = Manager::builder().keep_alive(Duration::ZERO).timeout(time);
    let http = Http::over(wire.greeting(settings(0))).http2_only();
    let client = Client::new(builder.connector(http).build().unwrap());
    let mut asked = tokio::spawn(ask(&client, &Method::GET));
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
fn ask(client: &Client<Wire>, method: &Method) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    let request = Request::builder().method(method).uri("http://h.test/");
    let asked = client.request(request.body(String::new()).unwrap());
    Box::pin(async move {
        let response = asked.await?;
        Ok(response.extensions().get::<Allocation>().unwrap().resent)
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
    let asked = tokio::spawn(ask(client, &Method::GET));
    let mut peer = Peer::meet(server.recv().await.unwrap()).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
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
