//! A server may answer before it has read the request, and stop the rest by a reset without an error
//! (RFC 9113, section 8.1).

use http::Request;
use http_body_util::BodyExt;
use hyper::body::Bytes;

use super::server::{NO_ERROR, Server, ask, client};
use crate::support::{text, within};

#[tokio::test]
async fn although_the_stream_is_reset() {
    let (server, client) = (Server::start().await, client(1));
    let request = Request::post(server.uri("/")).body(Endless).unwrap();
    let asked = tokio::spawn(client.request(request));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.begin(stream).await;
    peer.end(stream, "enough").await;
    peer.reset(stream, NO_ERROR).await;
    let response = within(asked).await.unwrap().unwrap();
    assert_eq!(text(response).await, "enough");
    assert_eq!(client.manager().totals().idle, 1, "the connection lives");
}

#[tokio::test]
async fn but_one_that_is_cut_short_is_an_error() {
    let (server, client) = (Server::start().await, client(1));
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.begin(stream).await;
    peer.data(stream, "not eno").await;
    peer.reset(stream, NO_ERROR).await;
    let response = within(asked).await.unwrap().unwrap();
    let error = within(response.into_body().collect()).await.unwrap_err();
    assert_eq!(error.function(), "body", "{error}");
    assert_eq!(client.manager().totals().idle, 1, "the connection lives");
}

/// A body that never ends, and never yields a frame.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}
