//! C2 on a shared connection: the other exchanges go on, and so does the connection.

use http_body_util::BodyExt;

use super::server::{CANCEL, RST_STREAM, Server, ask, client};
use crate::support::{eventually, text, within};

#[tokio::test]
async fn before_the_head_of_its_response() {
    let (server, client) = (Server::start().await, client(1));
    let kept = ask(&client, server.uri("/kept"));
    let mut peer = server.accept(10).await;
    let kept_stream = peer.request().await;
    let dropped = ask(&client, server.uri("/dropped"));
    let stream = peer.request().await;
    dropped.abort();
    let reset = peer.next(RST_STREAM).await;
    assert_eq!((reset.stream, reset.reason()), (stream, CANCEL));
    eventually("one lease", || client.manager().leases().len() == 1).await;

    peer.begin(kept_stream).await;
    peer.end(kept_stream, "kept").await;
    assert_eq!(text(within(kept).await.unwrap().unwrap()).await, "kept");
    assert_eq!(client.manager().totals().idle, 1);
}

#[tokio::test]
async fn within_its_body() {
    let (server, client) = (Server::start().await, client(1));
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.begin(stream).await;
    let mut body = within(asked).await.unwrap().unwrap().into_body();
    assert!(frame_by_now(&mut body).await.is_none(), "nothing came yet");
    drop(body);
    let reset = peer.next(RST_STREAM).await;
    assert_eq!((reset.stream, reset.reason()), (stream, CANCEL));
    assert_eq!(client.manager().totals().idle, 1);

    let next = ask(&client, server.uri("/"));
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(next).await.unwrap().unwrap();
    assert_eq!(client.manager().totals().opened, 1);
}

/// A frame, if there is one by now.
async fn frame_by_now(body: &mut keepalive_http::Body) -> Option<()> {
    tokio::select! {
        biased;
        _ = body.frame() => Some(()),
        () = std::future::ready(()) => None,
    }
}
