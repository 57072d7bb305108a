//! H12: a head, a read and a whole exchange may have a deadline each. The clock is paused here: it
//! advances only when all tasks are idle.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use keepalive::Manager;
use keepalive_http::{Body, Client, Deadline, Deadlines, Error, Http};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::support::wire::Wire;
use crate::support::{Peer, under_test};

type Asked = JoinHandle<Result<Response<Body<Wire>>, Error>>;
type Ends = mpsc::UnboundedReceiver<DuplexStream>;
type End = Peer<DuplexStream>;

const TIME: Duration = Duration::from_secs(1);
const PART: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0";
const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn a_head_that_misses_its_deadline_is_an_error_of_a_new_or_a_reused_connection() {
    for reused in [false, true] {
        let (client, mut server) = wired(Deadlines::new().head(TIME));
        let (asked, mut peer) = if reused {
            let mut peer = used(&client, &mut server).await;
            let asked = tokio::spawn(client.get("http://h.test/"));
            peer.request().await;
            (asked, peer)
        } else {
            send(&client, &mut server).await
        };
        let begun = Instant::now();
        let error = asked.await.unwrap().unwrap_err();
        assert_eq!(begun.elapsed().as_secs(), 1);
        is_late(&error, "response", Deadline::Head, !reused);
        assert_eq!(error.resent(), 0, "it lives, so nothing was lost");
        peer.closed().await;
        assert_eq!(client.manager().totals().open, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_read_begins_anew_with_each_byte() {
    let (client, mut server) = wired(Deadlines::new().read(TIME).head(TIME));
    let (asked, mut peer) = send(&client, &mut server).await;
    sleep(TIME * 3 / 4).await;
    peer.send(PART).await;
    let mut body = asked.await.unwrap().unwrap().into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "0"
    );
    // The deadline does not run while nobody reads the body.
    sleep(TIME * 3).await;
    for _ in 0..4 {
        let piece = async {
            sleep(TIME * 3 / 4).await;
            peer.send("1").await;
        };
        let (frame, ()) = tokio::join!(body.frame(), piece);
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "1");
    }
    let begun = Instant::now();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 1);
    is_late(&error, "body", Deadline::Read, true);
    peer.closed().await;
    assert!(body.frame().await.is_none(), "no more is to be had");
    assert_eq!(client.manager().totals().open, 0);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_an_exchange_ends_it_whatever_comes() {
    let (client, mut server) = wired(Deadlines::new().total(TIME));
    let begun = Instant::now();
    let (asked, _peer) = send(&client, &mut server).await;
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 1);
    is_late(&error, "response", Deadline::Total, true);

    let begun = Instant::now();
    let (asked, mut peer) = send(&client, &mut server).await;
    peer.send(PART).await;
    let mut body = asked.await.unwrap().unwrap().into_body();
    let trickle = tokio::spawn(async move {
        while peer.try_send("1").await.is_ok() {
            sleep(TIME / 4).await;
        }
    });
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(begun.elapsed().as_secs(), 1);
    is_late(&error, "body", Deadline::Total, true);
    trickle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_an_exchange_includes_the_wait_for_a_connection() {
    let (client, mut server) = wired(Deadlines::new());
    let (holder, mut peer) = send(&client, &mut server).await;
    peer.send(PART).await;
    let held = holder.await.unwrap().unwrap();

    let begun = Instant::now();
    let waiting = Request::get("http://h.test/").extension(Deadlines::new().total(TIME));
    let error = client.request(waiting.body(String::new()).unwrap()).await;
    let error = error.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 1);
    assert!(error.is_timeout() && error.timed_out().is_none());
    assert_eq!(error.function(), "queue", "the manager's own");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn deadlines_of_a_request_replace_those_of_its_client() {
    let (client, mut server) = wired(Deadlines::new().total(TIME));
    let patient = Request::get("http://h.test/").extension(Deadlines::new().head(TIME * 5));
    let asked = tokio::spawn(client.request(patient.body(String::new()).unwrap()));
    let mut peer = Peer::new(server.recv().await.unwrap());
    peer.request().await;
    sleep(TIME * 4).await;
    peer.send(WHOLE).await;
    let body = asked.await.unwrap().unwrap().into_body().collect().await;
    assert_eq!(body.unwrap().to_bytes(), "ok");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_has_no_deadline() {
    let deadlines = Deadlines::new().head(TIME).read(TIME).total(TIME);
    let (client, mut server) = wired(deadlines);
    let mut peer = used(&client, &mut server).await;
    sleep(TIME * 5).await;
    let asked = tokio::spawn(client.get("http://h.test/"));
    peer.request().await;
    peer.send(WHOLE).await;
    let response = asked.await.unwrap().unwrap();
    let allocation = response.body().allocation();
    assert!(allocation.from_cache.is_some());
}

#[track_caller]
fn is_late(error: &Error, function: &str, deadline: Deadline, is_new: bool) {
    let timed_out = error.timed_out().unwrap();
    assert_eq!((timed_out.deadline, timed_out.time), (deadline, TIME));
    assert_eq!((error.function(), timed_out.is_new), (function, is_new));
    assert_eq!(error.error_str(), "Connection timed out");
    assert!(error.is_timeout(), "{:?}", error.error_num());
    let use_ = if is_new { "new" } else { "reused" };
    let text = error.to_string();
    assert!(
        text.ends_with(&format!("within 1s, on a {use_} connection")),
        "{text}"
    );
}

/// A client whose connections' other ends are received.
fn wired(deadlines: Deadlines) -> (Client<Wire>, Ends) {
    let (wire, server) = Wire::new();
    let builder = Manager::builder().max_per_host(1);
    let manager = builder
        .connector(under_test(Http::over(wire)))
        .build()
        .unwrap();
    (Client::new(manager).deadlines(deadlines), server)
}

/// A GET by a new connection, whose other end has received it.
async fn send(client: &Client<Wire>, server: &mut Ends) -> (Asked, End) {
    let asked = tokio::spawn(client.get("http://h.test/"));
    let mut peer = Peer::new(server.recv().await.unwrap());
    peer.request().await;
    (asked, peer)
}

/// The other end of a connection that has served a request.
async fn used(client: &Client<Wire>, server: &mut Ends) -> End {
    let (asked, mut peer) = send(client, server).await;
    peer.send(WHOLE).await;
    let response = asked.await.unwrap().unwrap();
    response.into_body().collect().await.unwrap();
    peer
}
