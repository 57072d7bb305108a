//! H9: the server's setting is the number of leases that a connection carries, as it changes.

use keepalive::FromCache;

use super::server::{Server, ask, client};
use crate::support::{allocation, eventually, within};

#[tokio::test]
async fn three_at_a_time_over_one_connection() {
    let (server, client) = (Server::start().await, client(1));
    let first = ask(&client, server.uri("/"));
    let mut peer = server.accept(3).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    let response = within(first).await.unwrap().unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(allocation(&response).from_cache, None);

    let asked: Vec<_> = (0..5).map(|_| ask(&client, server.uri("/"))).collect();
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(peer.request().await);
    }
    eventually("two wait", || client.manager().totals().waiting == 2).await;
    for _ in 0..2 {
        peer.answer(streams.remove(0)).await;
        streams.push(peer.request().await);
    }
    for stream in streams {
        peer.answer(stream).await;
    }
    let mut immediate = 0;
    for response in asked {
        let response = within(response).await.unwrap().unwrap();
        immediate += usize::from(allocation(&response).from_cache == Some(FromCache::Immediate));
    }
    assert_eq!(immediate, 3, "the others waited");
    let totals = client.manager().totals();
    assert_eq!((totals.opened, totals.open, totals.leased), (1, 1, 0));
}

#[tokio::test]
async fn others_are_opened_when_all_are_full() {
    let (server, client) = (Server::start().await, client(2));
    let first = ask(&client, server.uri("/"));
    let mut one = server.accept(1).await;
    let stream = one.request().await;
    eventually("its setting is known", || {
        client.manager().stats().hosts[0].counts.leased == 1
    })
    .await;
    one.answer(stream).await;
    within(first).await.unwrap().unwrap();

    let second = ask(&client, server.uri("/"));
    let held = one.request().await;
    let third = ask(&client, server.uri("/"));
    let mut two = server.accept(1).await;
    let stream = two.request().await;
    two.answer(stream).await;
    within(third).await.unwrap().unwrap();
    one.answer(held).await;
    within(second).await.unwrap().unwrap();
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn who_waits_is_served_when_the_server_allows_more() {
    let (server, client) = (Server::start().await, client(1));
    let first = ask(&client, server.uri("/"));
    let mut peer = server.accept(1).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(first).await.unwrap().unwrap();

    let asked = [ask(&client, server.uri("/")), ask(&client, server.uri("/"))];
    let one = peer.request().await;
    eventually("one waits", || client.manager().totals().waiting == 1).await;
    peer.allow(2).await;
    let two = peer.request().await;
    peer.answer(two).await;
    peer.answer(one).await;
    for response in asked {
        within(response).await.unwrap().unwrap();
    }
    assert_eq!(client.manager().totals().opened, 1);
}
