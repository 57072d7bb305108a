use http::{Request, Version};
use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::Client;
use keepalive_http::legacy::connect::Connected;

use crate::frames::Server;
use crate::support::{Told, builder, client, eventually, get, within};

#[tokio::test]
async fn by_the_connector() {
    let connector = Told::describing(Connected::negotiated_h2);
    carries_all(&connector, client(&connector)).await;
}

#[tokio::test]
async fn by_the_user() {
    let connector = Told::new();
    let client = builder().http2_only(true).build(connector.clone());
    carries_all(&connector, client).await;
}

#[tokio::test]
async fn on_a_connection_that_is_replaced_for_exchanges_that_are_given_up_alone() {
    let connector = Told::describing(Connected::negotiated_h2);
    let client = client(&connector);
    let server = Server::start().await;
    let ask = || tokio::spawn(client.request(get(server.uri("/a"))));
    let first = ask();
    let mut peer = server.accept(100).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(first).await.unwrap().unwrap();
    for _ in 0..600 {
        let asked = ask();
        let stream = peer.request().await;
        peer.answer(stream).await;
        within(asked).await.unwrap().unwrap();
    }
    assert_eq!(connector.opened(), 1);

    for _ in 0..6 {
        let asked = [(); 100].map(|()| ask());
        for _ in 0..100 {
            let stream = peer.request().await;
            peer.begin(stream).await;
        }
        for asked in asked {
            drop(within(asked).await.unwrap().unwrap());
        }
        for _ in 0..100 {
            peer.next(crate::frames::RST_STREAM).await;
        }
    }
    let manager = client.manager().unwrap();
    eventually("it is closed", || manager.totals().open == 0).await;
}

/// One connection carries all requests, several at a time.
async fn carries_all(connector: &Told, client: Client<Told, Empty<Bytes>>) {
    let server = Server::start().await;
    let first = tokio::spawn(client.request(get(server.uri("/a"))));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(first).await.unwrap().unwrap();

    let plain = tokio::spawn(client.request(get(server.uri("/b"))));
    let wanted = Request::get(server.uri("/c")).version(Version::HTTP_2);
    let wanted = tokio::spawn(client.request(wanted.body(Empty::new()).unwrap()));
    let streams = [peer.request().await, peer.request().await];
    for stream in streams {
        peer.answer(stream).await;
    }
    for asked in [plain, wanted] {
        let response = within(asked).await.unwrap().unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
    }
    assert_eq!(connector.opened(), 1);
}
