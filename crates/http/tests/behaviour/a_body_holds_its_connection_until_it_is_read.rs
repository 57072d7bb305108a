//! C1: a connection is free when its response has been read.

use crate::support::{Server, allocation, client, exchange, ok, text};
use http_body_util::BodyExt;
use keepalive::FromCache;

#[tokio::test]
async fn a_body_holds_its_connection_until_it_is_read() {
    let (server, client) = (Server::start().await, client(1));
    let (response, mut peer) =
        exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(allocation(&response).resent, 0);
    assert_eq!(client.manager().totals().leased, 1);

    assert_eq!(text(response).await, "one");
    assert_eq!(client.manager().totals().idle, 1);

    let (response, _) = exchange(client.get(server.uri("/2")), peer.serve(ok("two"))).await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, Some(FromCache::Immediate));
    assert_eq!(text(response).await, "two");
}

#[tokio::test]
async fn its_last_byte_is_its_end() {
    let (server, client) = (Server::start().await, client(1));
    let (response, _peer) = exchange(client.get(server.uri("/")), server.serve(ok("one"))).await;
    let mut body = response.unwrap().into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "one");
    assert_eq!(client.manager().totals().idle, 1);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn who_waits_for_it_gets_it() {
    let (server, client) = (Server::start().await, client(1));
    let (first, mut peer) = exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    let second = client.get(server.uri("/2"));
    let read = async {
        assert_eq!(client.manager().totals().waiting, 1);
        assert_eq!(text(first.unwrap()).await, "one");
        peer.serve(ok("two")).await
    };
    let (second, _) = exchange(second, Box::pin(read)).await;
    let second = second.unwrap();
    assert_eq!(allocation(&second).from_cache, Some(FromCache::Deferred));
    assert_eq!(text(second).await, "two");
}
