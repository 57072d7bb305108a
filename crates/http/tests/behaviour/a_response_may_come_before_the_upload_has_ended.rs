//! A server may answer before it has read the whole request (RFC 9110, section 7.5). The connection
//! takes no other request until all of this one is sent.

#![allow(clippy::unwrap_used)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use hyper::body::{Body, Bytes, Frame};
use keepalive_http::Client;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::{Peer, Server, allocation, client, eventually, exchange, ok, text, within};

#[tokio::test]
async fn it_is_used_again_when_the_rest_has_left() {
    let (server, client, response, mut peer, upload) = answered(&ok("early")).await;
    let rest = async {
        upload.send("the rest").unwrap();
        drop(upload);
        assert_eq!(peer.read(18).await, "8\r\nthe rest\r\n0\r\n\r\n");
    };
    assert_eq!(exchange(text(response), rest).await.0, "early");

    let (response, _) = exchange(client.get(server.uri("/")), peer.serve(ok("next"))).await;
    let response = response.unwrap();
    assert!(allocation(&response).from_cache.is_some());
    assert_eq!(text(response).await, "next");
}

#[tokio::test]
async fn its_end_does_not_wait_for_the_rest() {
    let (_server, client, response, mut peer, upload) = answered(&ok("early")).await;
    tokio::time::pause();
    let begun = Instant::now();
    assert_eq!(text(response).await, "early");
    assert!(begun.elapsed() < Duration::from_millis(20));
    tokio::time::resume();
    assert_eq!(client.manager().totals().leased, 1);

    upload.send("the rest").unwrap();
    drop(upload);
    assert_eq!(peer.read(18).await, "8\r\nthe rest\r\n0\r\n\r\n");
    eventually("it is given back", || client.manager().totals().idle == 1).await;
}

#[tokio::test]
async fn it_is_closed_if_the_rest_never_does() {
    let (_server, client, response, mut peer, _upload) = answered(&ok("early")).await;
    tokio::time::pause();
    assert_eq!(text(response).await, "early");
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    peer.closed().await;
    assert_eq!(client.manager().totals().open, 0);
}

#[tokio::test]
async fn it_is_closed_if_the_server_says_so_and_no_more_is_sent() {
    let answer =
        "HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
    let (_server, client, response, mut peer, upload) = answered(answer).await;
    assert_eq!(response.status(), 413);
    assert_eq!(text(response).await, "no");
    peer.closed().await;
    assert_eq!(client.manager().totals().open, 0);
    within(upload.closed()).await;
}

/// An upload that was answered like this when only its head had been sent.
async fn answered(
    answer: &str,
) -> (
    Server,
    Client,
    Response,
    Peer,
    mpsc::UnboundedSender<&'static str>,
) {
    let (server, client) = (Server::start().await, client(1));
    let (sender, upload) = mpsc::unbounded_channel();
    let request = Request::put(server.uri("/")).body(Upload(upload)).unwrap();
    let (response, peer) = exchange(client.request(request), server.serve(answer)).await;
    (server, client, response.unwrap(), peer, sender)
}

type Response = http::Response<keepalive_http::Body>;

/// A body that comes as it is sent here.
struct Upload(mpsc::UnboundedReceiver<&'static str>);

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }
}
