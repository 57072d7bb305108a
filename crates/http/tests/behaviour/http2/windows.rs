//! H9: an unread body holds the window of its stream alone. The window of the connection is as
//! large as those of all its streams together.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive_http::{Client, Http};
use keepalive_testkit::http_server;

use super::frames::Server;
use super::{answered, ask};
use crate::support::{client_of, eventually, within};

#[tokio::test]
async fn fifty_unread_bodies_of_a_hundred_megabytes_hold_up_no_small_answer() {
    let sent = Arc::new(AtomicU64::new(0));
    let uri = serve(Arc::clone(&sent)).await;
    let client = client_of(Http::new().http2_only(), 1);
    let unread = begin(&client, &uri, 50).await;
    for _ in 0..10 {
        let asked: Vec<_> = (0..100)
            .map(|_| ask(&client, path(&uri, "/small")))
            .collect();
        for response in asked {
            let response = answered(response).await;
            let body = within(response.into_body().collect()).await.unwrap();
            assert_eq!(body.to_bytes(), "small");
        }
    }
    // The client holds all bytes that the server has sent, except those in the server's buffers.
    eventually("all windows are full", || {
        sent.load(Ordering::SeqCst) >= 50 * WINDOW
    })
    .await;
    let most = 50 * (WINDOW + SERVERS_OWN);
    assert!(sent.load(Ordering::SeqCst) <= most, "{sent:?} of {most}");
    assert_eq!(client.manager().totals().opened, 1);

    // Reading a body makes the server send more of it.
    for response in unread {
        let mut body = response.into_body();
        let mut read = 0;
        while read < 2 * WINDOW {
            let frame = within(body.frame()).await.unwrap().unwrap();
            read += frame.into_data().unwrap().len() as u64;
        }
    }
}

#[tokio::test]
async fn unread_bodies_cost_no_more_than_the_set_window() {
    let sent = Arc::new(AtomicU64::new(0));
    let uri = serve(Arc::clone(&sent)).await;
    let window = 1 << 16;
    let http = Http::new().http2_only().http2_stream_window(window);
    let client = client_of(http, 1);
    let unread = begin(&client, &uri, 50).await;
    answered(ask(&client, path(&uri, "/small"))).await;
    let all = 50 * u64::from(window);
    eventually("all windows are full", || {
        sent.load(Ordering::SeqCst) >= all
    })
    .await;
    let most = all + 50 * SERVERS_OWN;
    assert!(sent.load(Ordering::SeqCst) <= most, "{sent:?} of {most}");
    drop(unread);
}

#[tokio::test]
async fn a_connection_carries_no_more_streams_than_its_windows_have_room_for() {
    for (http, room) in [
        (Http::new().http2_max_streams(2), 2),
        (Http::new().http2_max_streams(0), 1),
        (Http::new().http2_stream_window(1 << 30), 1),
        (Http::new().http2_stream_window(u32::MAX), 1),
    ] {
        let (server, client) = (Server::start().await, client_of(http.http2_only(), 1));
        let asked = [(); 3].map(|()| ask(&client, server.uri("/")));
        let mut peer = server.accept(100).await;
        let first = peer.request().await;
        let totals = || client.manager().totals();
        let others_wait = || totals().waiting == 3 - room;
        eventually("the others wait", others_wait).await;
        assert_eq!((totals().opened, totals().leased), (1, 1));
        peer.answer(first).await;
        peer.serve().await;
        peer.serve().await;
        for response in asked {
            answered(response).await;
        }
    }
}

/// Asks for so many large bodies, and waits for their heads alone.
async fn begin(client: &Client, uri: &Uri, bodies: usize) -> Vec<Response<keepalive_http::Body>> {
    let mut unread = Vec::new();
    for _ in 0..bodies {
        unread.push(within(client.get(path(uri, "/large"))).await.unwrap());
    }
    unread
}

fn path(uri: &Uri, path: &str) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse().unwrap());
    Uri::from_parts(parts).unwrap()
}

/// The default window of a stream.
const WINDOW: u64 = 2 << 20;
/// Bytes that a server has taken from a body and not sent: its buffer, and the piece that did not
/// fit.
const SERVERS_OWN: u64 = 2 * CHUNK as u64;
const CHUNK: usize = 1 << 14;
const LARGE: usize = 100_000_000;

/// A server of large and of small answers, which counts the bytes that it has taken of the large.
async fn serve(sent: Arc<AtomicU64>) -> Uri {
    let server = http_server::Server::start().await;
    let uri = server.uri("/");
    server.each(move |peer| {
        let sent = Arc::clone(&sent);
        let answer = service_fn(move |request: Request<Incoming>| {
            let body = match request.uri().path() {
                "/large" => Large {
                    left: LARGE,
                    sent: Arc::clone(&sent),
                }
                .boxed(),
                _ => Full::new(Bytes::from_static(b"small")).boxed(),
            };
            async { Ok::<_, Infallible>(Response::new(body)) }
        });
        let served = http2::Builder::new(TokioExecutor::new())
            .max_send_buf_size(CHUNK)
            .serve_connection(TokioIo::new(peer.into_stream()), answer);
        // It ends when the client closes, however that looks.
        async { drop(served.await) }
    });
    uri
}

/// A body that is long.
struct Large {
    left: usize,
    sent: Arc<AtomicU64>,
}

impl Body for Large {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.left.min(CHUNK);
        self.left -= next;
        self.sent.fetch_add(next as u64, Ordering::SeqCst);
        let chunk = Bytes::from_static(&[0; CHUNK]).slice(..next);
        Poll::Ready((next > 0).then(|| Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
