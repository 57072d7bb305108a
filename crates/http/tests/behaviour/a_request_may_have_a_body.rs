//! H7: an upload arrives, framed by its length if that is known, and in chunks otherwise.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, Request};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame};

use crate::support::{Server, client, exchange, ok, text, within};

#[tokio::test]
async fn whose_length_is_known() {
    let (server, client) = (Server::start().await, client(1));
    let request = Request::post(server.uri("/")).body(Full::new(Bytes::from_static(b"an order")));
    let serve = async {
        let mut peer = server.accept().await;
        let head = peer.request().await;
        assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("content-length: 8\r\n"), "{head}");
        assert_eq!(peer.read(8).await, "an order");
        peer.send(&ok("done")).await;
        peer
    };
    let (response, _peer) = exchange(client.request(request.unwrap()), serve).await;
    assert_eq!(text(response.unwrap()).await, "done");
    assert_eq!(client.manager().totals().idle, 1);
}

#[tokio::test]
async fn whose_length_is_known_though_its_type_is_not() {
    let (server, client) = (Server::start().await, client(1));
    let body = UnsyncBoxBody::new(Full::new(Bytes::from_static(b"order")));
    let request = Request::post(server.uri("/")).body(body);
    let serve = async {
        let mut peer = server.accept().await;
        let head = peer.request().await;
        assert!(head.contains("content-length: 5\r\n"), "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert_eq!(peer.read(5).await, "order");
        peer.send(&ok("done")).await;
        peer
    };
    let (response, _peer) = exchange(client.request(request.unwrap()), serve).await;
    assert_eq!(text(response.unwrap()).await, "done");
}

#[tokio::test]
async fn whose_length_is_another_than_its_header_says() {
    let (server, client) = (Server::start().await, client(1));
    let body = UnsyncBoxBody::new(Full::new(Bytes::from_static(b"order")));
    let request = Request::post(server.uri("/")).header("content-length", "9");
    let error = within(client.request(request.body(body).unwrap())).await;
    let error = error.unwrap_err();
    assert_eq!(error.function(), "request");
    assert!(
        error.error_str().contains("\"9\" bytes, but it has 5"),
        "{error}"
    );
    assert_eq!(client.manager().totals().open, 0);
}

#[tokio::test]
async fn whose_length_is_known_and_that_has_trailers() {
    let (server, client) = (Server::start().await, client(1));
    let trailers = HeaderMap::from_iter([(HeaderName::from_static("sum"), "5".parse().unwrap())]);
    let trailers = std::future::ready(Some(Ok(trailers)));
    let body = Full::new(Bytes::from_static(b"order")).with_trailers(trailers);
    let request = Request::post(server.uri("/")).header("trailer", "sum");
    let serve = async {
        let mut peer = server.accept().await;
        let head = peer.request().await;
        assert!(!head.contains("content-length"), "{head}");
        let chunks = "5\r\norder\r\n0\r\nsum: 5\r\n\r\n";
        assert_eq!(peer.read(chunks.len()).await, chunks);
        peer.send(&ok("done")).await;
        peer
    };
    let request = request.body(body).unwrap();
    let (response, _peer) = exchange(client.request(request), serve).await;
    assert_eq!(text(response.unwrap()).await, "done");
}

#[tokio::test]
async fn whose_length_is_not() {
    let (server, client) = (Server::start().await, client(1));
    let request = Request::put(server.uri("/")).body(Pieces(vec!["an ", "order"]));
    let serve = async {
        let mut peer = server.accept().await;
        let head = peer.request().await;
        assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
        assert_eq!(peer.read(23).await, "3\r\nan \r\n5\r\norder\r\n0\r\n\r\n");
        peer.send(&ok("done")).await;
        peer
    };
    let (response, _peer) = exchange(client.request(request.unwrap()), serve).await;
    assert_eq!(text(response.unwrap()).await, "done");
    assert_eq!(client.manager().totals().idle, 1);
}

#[tokio::test]
async fn that_ends_the_exchange_where_it_fails() {
    let (server, client) = (Server::start().await, client(1));
    let request = Request::put(server.uri("/")).body(Pieces(vec!["an ", FAILS]));
    let serve = async {
        let mut peer = server.accept().await;
        let came = peer.rest().await;
        assert!(!came.ends_with("0\r\n\r\n"), "{came}");
    };
    let (response, ()) = exchange(client.request(request.unwrap()), serve).await;
    let error = response.unwrap_err();
    assert_eq!((error.function(), error.resent()), ("request", 0));
    assert!(error.error_str().contains("the disk is on fire"), "{error}");
    assert_eq!(client.manager().totals().open, 0);
}

/// A body in pieces, of unknown length.
struct Pieces(Vec<&'static str>);

const FAILS: &str = "fails";

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match self.0.remove(0) {
            FAILS => Err(io::Error::other("the disk is on fire")),
            piece => Ok(Frame::data(Bytes::from_static(piece.as_bytes()))),
        }))
    }
}
