use http::{Request, Version};
use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::Client;
use keepalive_http::legacy::connect::Connected;

use crate::frames::Server;
use crate::support::{Told, builder, client, get, within};

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

/// One connection carries whatever is asked, several requests at a time.
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
