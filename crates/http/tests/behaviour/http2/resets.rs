//! H1, H2, RFC 9113, section 8.7: a server has not processed a stream that it refuses. After any
//! other reset it may have acted on the request.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Channel, Full};
use hyper::body::Bytes;
use keepalive::Manager;
use keepalive_http::{Client, Deadline, Deadlines, Http};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, advance};

use super::frames::{
    CANCEL, DATA, ENHANCE_YOUR_CALM, HEADERS, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, Peer,
    REFUSED_STREAM, RST_STREAM, Server,
};
use super::{answered, ask, client, failed, order};
use crate::support::wire::Wire;
use crate::support::{allocation, client_of, eventually, text, within};

#[tokio::test]
async fn a_reset_on_a_living_connection_is_final_and_leaves_the_others() {
    for reason in [
        NO_ERROR,
        PROTOCOL_ERROR,
        INTERNAL_ERROR,
        CANCEL,
        ENHANCE_YOUR_CALM,
    ] {
        for is_new in [false, true] {
            let (server, client) = (Server::start().await, client(1));
            let mut neighbour = None;
            let (asked, mut peer) = if is_new {
                let asked = ask(&client, server.uri("/"));
                (asked, server.accept(10).await)
            } else {
                let (peer, stream, response) = server.begun(&client).await;
                neighbour = Some((stream, response));
                (ask(&client, server.uri("/")), peer)
            };
            let stream = peer.request().await;
            peer.reset(stream, reason).await;
            let error = failed(asked).await;
            let outcome = (error.function(), error.resent());
            assert_eq!(outcome, ("response", 0), "{reason}: {error}");
            // The next stream is that of the next request, so there was none between.
            let next = ask(&client, server.uri("/next"));
            assert_eq!(peer.serve().await, stream + 2, "{reason}");
            answered(next).await;
            if let Some((beside, response)) = neighbour {
                peer.end(beside, "all the while").await;
                assert_eq!(text(response).await, "all the while");
            }
            assert_eq!(client.manager().totals().opened, 1);
        }
    }
}

#[tokio::test]
async fn a_refused_post_is_sent_again_with_its_body() {
    let (server, client) = (Server::start().await, client(1));
    let asked = order(&client, server.uri("/"));
    let (mut peer, stream) = server.asked().await;
    assert_eq!(peer.next(DATA).await.payload, b"an order");
    peer.reset(stream, REFUSED_STREAM).await;

    let stream = peer.request().await;
    assert_eq!(peer.next(DATA).await.payload, b"an order");
    peer.answer(stream).await;
    assert_eq!(allocation(&answered(asked).await).resent, 1);
    assert_eq!(client.manager().totals().opened, 1);
}

#[tokio::test]
async fn a_refused_post_whose_body_can_be_had_but_once_is_not_sent_again() {
    let (server, client) = (Server::start().await, client(1));
    let body = Full::new(Bytes::from_static(b"an order")).map_frame(|frame| frame);
    let request = Request::post(server.uri("/")).body(body).unwrap();
    let asked = tokio::spawn(client.request(request));
    let (mut peer, stream) = server.asked().await;
    peer.reset(stream, REFUSED_STREAM).await;
    let error = failed(asked).await;
    assert_eq!((error.function(), error.resent()), ("response", 0));
    assert_eq!(client.manager().totals().idle, 1, "the connection lives");
}

/// A server that refuses has too much to do.
#[tokio::test]
async fn a_refused_get_is_sent_again_after_a_pause() {
    let (server, client) = (Server::start().await, client(1));
    let asked = ask(&client, server.uri("/"));
    let (mut peer, mut stream) = server.asked().await;
    for _ in 0..3 {
        let refused = Instant::now();
        peer.reset(stream, REFUSED_STREAM).await;
        stream = peer.request().await;
        let waited = refused.elapsed();
        assert!(waited >= Duration::from_millis(10), "{waited:?}");
    }
    peer.answer(stream).await;
    assert_eq!(allocation(&answered(asked).await).resent, 3);
}

#[tokio::test]
async fn a_refused_get_is_sent_again_no_more_often_than_retries_allow() {
    for retries in [0, 1, 2] {
        let (server, client) = (Server::start().await, client(1).retries(retries));
        let asked = ask(&client, server.uri("/"));
        let mut peer = server.accept(10).await;
        for _ in 0..=retries {
            let stream = peer.request().await;
            peer.reset(stream, REFUSED_STREAM).await;
        }
        let error = failed(asked).await;
        assert_eq!((error.function(), error.resent()), ("response", retries));
    }
}

// A server may answer before it has read the request, and stop the rest by a reset without an error
// (RFC 9113, section 8.1).

#[tokio::test]
async fn a_complete_answer_counts_although_the_stream_is_reset() {
    let (server, client) = (Server::start().await, client(1));
    let (_sender, endless) = Channel::<Bytes>::new(1);
    let request = Request::post(server.uri("/")).body(endless).unwrap();
    let asked = tokio::spawn(client.request(request));
    let (mut peer, stream) = server.asked().await;
    peer.begin(stream).await;
    peer.end(stream, "enough").await;
    peer.reset(stream, NO_ERROR).await;
    assert_eq!(text(answered(asked).await).await, "enough");
    assert_eq!(client.manager().totals().idle, 1, "the connection lives");
}

#[tokio::test]
async fn an_answer_cut_short_by_a_reset_without_an_error_is_an_error() {
    let (server, client) = (Server::start().await, client(1));
    let (mut peer, stream, response) = server.begun(&client).await;
    peer.data(stream, "not eno").await;
    peer.reset(stream, NO_ERROR).await;
    let error = within(response.into_body().collect()).await.unwrap_err();
    assert_eq!(error.function(), "body", "{error}");
    assert_eq!(client.manager().totals().idle, 1, "the connection lives");
}

// C2 on a shared connection: the other exchanges go on, and so does the connection.

async fn is_cancelled(peer: &mut Peer<impl AsyncRead + AsyncWrite + Unpin>, stream: u32) {
    let reset = peer.next(RST_STREAM).await;
    assert_eq!((reset.stream, reset.reason()), (stream, CANCEL));
}

#[tokio::test]
async fn a_request_dropped_before_its_response_resets_its_stream_alone() {
    let (server, client) = (Server::start().await, client(1));
    let (mut peer, kept_stream, kept) = server.begun(&client).await;
    let dropped = ask(&client, server.uri("/dropped"));
    let stream = peer.request().await;
    dropped.abort();
    is_cancelled(&mut peer, stream).await;
    eventually("one lease", || client.manager().leases().len() == 1).await;
    peer.end(kept_stream, "kept").await;
    assert_eq!(text(kept).await, "kept");
    assert_eq!(client.manager().totals().idle, 1);
}

#[tokio::test]
async fn a_body_dropped_before_its_end_resets_its_stream_alone() {
    let (server, client) = (Server::start().await, client(1));
    let (mut peer, stream, response) = server.begun(&client).await;
    let mut body = response.into_body();
    let mut frame = body.frame();
    let read = poll_fn(|context| Poll::Ready(Pin::new(&mut frame).poll(context))).await;
    assert!(read.is_pending(), "nothing came yet");
    drop(body);
    is_cancelled(&mut peer, stream).await;
    assert_eq!(client.manager().totals().idle, 1);
    let next = ask(&client, server.uri("/"));
    peer.serve().await;
    answered(next).await;
    assert_eq!(client.manager().totals().opened, 1);
}

// H12: an exchange that misses a deadline is cancelled, and others on its connection go on.

const TIME: Duration = Duration::from_millis(50);

#[tokio::test]
async fn an_exchange_that_misses_its_deadline_resets_its_stream_alone() {
    for (deadline, deadlines) in [
        (Deadline::Head, Deadlines::new().head(TIME)),
        (Deadline::Read, Deadlines::new().read(TIME)),
        (Deadline::Total, Deadlines::new().total(TIME)),
    ] {
        let (server, client) = (Server::start().await, client(1));
        let (mut peer, beside, neighbour) = server.begun(&client).await;
        let request = Request::get(server.uri("/")).extension(deadlines);
        let asked = tokio::spawn(client.request(request.body(String::new()).unwrap()));
        let stream = peer.request().await;
        if deadline != Deadline::Head {
            peer.begin(stream).await;
        }
        let error = match within(asked).await.unwrap() {
            Ok(response) => within(response.into_body().collect()).await.unwrap_err(),
            Err(error) => error,
        };
        let timed_out = error.timed_out().unwrap();
        assert_eq!((timed_out.deadline, timed_out.is_new), (deadline, false));
        assert!(error.is_timeout());
        is_cancelled(&mut peer, stream).await;
        peer.end(beside, "all the while").await;
        assert_eq!(text(neighbour).await, "all the while");
        assert_eq!(client.manager().totals().opened, 1);
    }
}

/// The clock is paused here, and each read finds its bytes.
#[tokio::test(start_paused = true)]
async fn an_exchange_misses_its_deadline_however_much_of_its_body_has_arrived() {
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
    let deadline = error.timed_out().unwrap().deadline;
    assert_eq!((error.function(), deadline), ("body", Deadline::Total));
    is_cancelled(&mut peer, stream).await;
}

// H4, H10: cancelled requests do not harm others, however many they are and whatever the server
// still sends on their streams.

const GIVEN_UP: usize = 2000;

#[tokio::test]
async fn thousands_of_cancelled_requests_cost_no_other_exchange_anything() {
    let server = Server::start().await;
    let uri = server.uri("/");
    let asked = Arc::new(AtomicUsize::new(0));
    let (end, ending) = watch::channel(false);
    let counted = Arc::clone(&asked);
    server.each(100, move |peer| {
        late(peer, Arc::clone(&counted), ending.clone())
    });
    let client = client_of(Http::new().http2_only(), 32).retries(0);
    let mut expected = 0;
    let mut sent = async || {
        expected += 1;
        eventually("the server is asked", || {
            asked.load(Ordering::SeqCst) == expected
        })
        .await;
    };
    let mut neighbours = Vec::new();
    for given_up in 0..GIVEN_UP {
        if given_up % 250 == 0 {
            neighbours.push(ask(&client, uri.clone()));
            sent().await;
        }
        let request = ask(&client, uri.clone());
        sent().await;
        request.abort();
    }
    end.send(true).unwrap();
    for neighbour in neighbours {
        let response = answered(neighbour).await;
        within(response.into_body().collect()).await.unwrap();
    }
    // They are replaced, but not more often than they have to be.
    let opened = client.manager().totals().opened;
    assert!((2..8).contains(&opened), "{opened} connections");
}

/// Answers each request once it is reset, and goes on for a while, as if the answer had been on its
/// way. Answers the others at the end.
async fn late(mut peer: Peer, asked: Arc<AtomicUsize>, mut ending: watch::Receiver<bool>) {
    let (mut open, mut late) = (BTreeSet::new(), VecDeque::new());
    loop {
        let frame = tokio::select! {
            frame = peer.frame() => frame,
            _ = ending.wait_for(|is_over| *is_over) => break,
        };
        match frame {
            Some(frame) if frame.kind == HEADERS => {
                open.insert(frame.stream);
                asked.fetch_add(1, Ordering::SeqCst);
            }
            Some(frame) if frame.kind == RST_STREAM && open.remove(&frame.stream) => {
                peer.begin(frame.stream).await;
                late.push_back(frame.stream);
                for &stream in &late {
                    peer.data(stream, "it goes on").await;
                }
                if late.len() > 4
                    && let Some(stream) = late.pop_front()
                {
                    peer.end(stream, "too late").await;
                }
            }
            Some(_) => {}
            None => return,
        }
    }
    for stream in open {
        peer.begin(stream).await;
        peer.end(stream, "at last").await;
    }
    peer.ignored().await;
}
