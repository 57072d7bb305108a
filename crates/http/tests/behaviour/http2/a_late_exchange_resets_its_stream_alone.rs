//! H12: an exchange that misses a deadline is cancelled, and other exchanges on its connection go
//! on.

#![allow(clippy::unwrap_used)]

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use keepalive::Manager;
use keepalive_http::{Client, Deadline, Deadlines, Http};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};

use super::server::{CANCEL, Outcome, Peer, RST_STREAM, Server, ask, client};
use crate::support::wire::Wire;
use crate::support::{text, within};

const TIME: Duration = Duration::from_millis(50);

#[tokio::test]
async fn before_its_head_has_come_or_after() {
    for (deadline, deadlines) in [
        (Deadline::Head, Deadlines::new().head(TIME)),
        (Deadline::Read, Deadlines::new().read(TIME)),
        (Deadline::Total, Deadlines::new().total(TIME)),
    ] {
        let (server, client) = (Server::start().await, client(1));
        let neighbour = ask(&client, server.uri("/"));
        let mut peer = server.accept(10).await;
        let beside = peer.request().await;
        peer.begin(beside).await;
        let neighbour = within(neighbour).await.unwrap().unwrap();

        let asked = late(&client, server.uri("/"), deadlines);
        let stream = peer.request().await;
        let error = if deadline == Deadline::Head {
            within(asked).await.unwrap().unwrap_err()
        } else {
            peer.begin(stream).await;
            let response = within(asked).await.unwrap();
            match response {
                Ok(response) => within(response.into_body().collect()).await.unwrap_err(),
                Err(error) => error,
            }
        };
        let timed_out = error.timed_out().unwrap();
        assert_eq!((timed_out.deadline, timed_out.is_new), (deadline, false));
        assert!(error.is_timeout());
        let reset = peer.next(RST_STREAM).await;
        assert_eq!((reset.stream, reset.reason()), (stream, CANCEL));

        peer.end(beside, "all the while").await;
        assert_eq!(text(neighbour).await, "all the while");
        assert_eq!(client.manager().totals().opened, 1);
    }
}

/// The clock is paused here, and each read finds its bytes.
#[tokio::test(start_paused = true)]
async fn however_much_is_there_already() {
    let (wire, mut server) = Wire::new();
    let builder = Manager::builder().connector(Http::over(wire).http2_only());
    let client = Client::new(builder.build().unwrap());
    let client = client.deadlines(Deadlines::new().total(TIME));
    let asked = tokio::spawn(client.get("http://h.test/"));
    let mut peer = Peer::greet(server.recv().await.unwrap(), 10).await;
    let stream = peer.request().await;
    peer.begin(stream).await;
    for _ in 0..20 {
        peer.data(stream, "more").await;
    }
    peer.heard().await;
    let mut body = asked.await.unwrap().unwrap().into_body();
    let begun = Instant::now();
    let error = loop {
        let mut read = body.frame();
        let read = poll_fn(|context| Poll::Ready(Pin::new(&mut read).poll(context))).await;
        let Poll::Ready(Some(frame)) = read else {
            panic!("{read:?} is not there");
        };
        match frame {
            Ok(_) => advance(TIME / 5).await,
            Err(error) => break error,
        }
    };
    assert_eq!(begun.elapsed(), TIME);
    let timed_out = error.timed_out().unwrap();
    assert_eq!(
        (error.function(), timed_out.deadline),
        ("body", Deadline::Total)
    );
    let reset = peer.next(RST_STREAM).await;
    assert_eq!((reset.stream, reset.reason()), (stream, CANCEL));
}

fn late(client: &Client, uri: http::Uri, deadlines: Deadlines) -> JoinHandle<Outcome> {
    let request = Request::get(uri).extension(deadlines).body(String::new());
    tokio::spawn(client.request(request.unwrap()))
}
