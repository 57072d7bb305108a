use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::{Builder, Client};

use crate::frames::{CANCEL, Peer, RST_STREAM, Server};
use crate::support::{Told, builder, eventually, get, text, within};

type H2 = Client<Told, Empty<Bytes>>;

/// A client, a server, and a response whose body has not come yet.
async fn begun(
    builder: &mut Builder,
) -> (H2, Server, Peer, u32, http::Response<hyper::body::Incoming>) {
    let server = Server::start().await;
    let client: H2 = builder.http2_only(true).build(Told::new());
    let asked = tokio::spawn(client.request(get(server.uri("/a"))));
    let mut peer = server.accept(1).await;
    let stream = peer.request().await;
    peer.begin(stream).await;
    let response = within(asked).await.unwrap().unwrap();
    (client, server, peer, stream, response)
}

#[tokio::test]
async fn whenever_its_body_is_read() {
    let (client, server, mut peer, stream, response) = begun(builder().max_per_host(1)).await;
    let manager = client.manager().unwrap();
    assert_eq!(manager.stats().total.leased, 1);
    let second = tokio::spawn(client.request(get(server.uri("/b"))));
    eventually("it waits", || manager.stats().total.waiting == 1).await;
    peer.end(stream, "the rest").await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(second).await.unwrap().unwrap();
    eventually("nobody has it", || manager.stats().total.idle == 1).await;
    assert_eq!(text(response).await, "the rest");
}

#[tokio::test]
async fn unless_its_body_is_dropped() {
    let (client, _server, mut peer, stream, response) = begun(&mut builder()).await;
    let manager = client.manager().unwrap();
    drop(response);
    let reset = peer.next(RST_STREAM).await;
    assert_eq!((reset.stream, reset.reason()), (stream, CANCEL));
    eventually("nobody has it", || manager.stats().total.idle == 1).await;
}

#[tokio::test]
async fn or_its_server_closes() {
    let (client, _server, peer, _, response) = begun(&mut builder()).await;
    let manager = client.manager().unwrap();
    drop(peer);
    eventually("its slot is free", || manager.stats().total.open == 0).await;
    drop(response);
}

#[tokio::test]
async fn or_vanishes() {
    let time = Duration::from_millis(20);
    let mut builder = builder();
    builder
        .http2_keep_alive_interval(time)
        .http2_keep_alive_timeout(time);
    let (client, _server, mut peer, _, response) = begun(&mut builder).await;
    let manager = client.manager().unwrap();
    peer.ignored().await;
    eventually("its slot is free", || manager.stats().total.open == 0).await;
    drop(response);
}

#[tokio::test]
async fn also_when_the_client_has_gone() {
    let (client, _server, mut peer, stream, response) = begun(&mut builder()).await;
    drop(client);
    peer.end(stream, "the rest").await;
    assert_eq!(text(response).await, "the rest");
    peer.ignored().await;
}
