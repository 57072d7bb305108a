use keepalive_http::legacy::connect::capture_connection;

use crate::support::{Server, Told, builder, client, exchange, get, ok};

#[tokio::test]
async fn wherever_it_is_when_it_is_poisoned() {
    let server = Server::start().await;
    let connector = Told::new();
    // No second try: a poisoned connection is no failure.
    let client = builder()
        .retry_canceled_requests(false)
        .build(connector.clone());
    let mut request = get(server.uri("/a"));
    let captured = capture_connection(&mut request);
    let (response, mut peer) = exchange(client.request(request), server.serve(ok(""))).await;
    response.unwrap();
    for _ in 0..2 {
        let ask = client.request(get(server.uri("/b")));
        exchange(ask, peer.serve(ok(""))).await.0.unwrap();
    }
    assert_eq!(connector.opened(), 1);
    captured.connection_metadata().as_ref().unwrap().poison();
    let ask = client.request(get(server.uri("/c")));
    let (response, mut second) = exchange(ask, server.serve(ok(""))).await;
    response.unwrap();
    peer.closed().await;
    assert_eq!((connector.opened(), connector.closed()), (2, 1));
    let ask = client.request(get(server.uri("/d")));
    exchange(ask, second.serve(ok(""))).await.0.unwrap();
    assert_eq!(connector.opened(), 2);
}

#[tokio::test]
async fn after_an_answer_that_was_not_liked() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    let mut request = get(server.uri("/a"));
    let captured = capture_connection(&mut request);
    let (response, mut peer) = exchange(client.request(request), server.serve(ok("bad"))).await;
    captured.connection_metadata().as_ref().unwrap().poison();
    assert_eq!(crate::support::text(response.unwrap()).await, "bad");
    let ask = client.request(get(server.uri("/b")));
    exchange(ask, server.serve(ok(""))).await.0.unwrap();
    peer.closed().await;
}

#[tokio::test]
async fn from_the_beginning() {
    let server = Server::start().await;
    let connector = Told::describing(|connected| {
        connected.poison();
        connected
    });
    let client = client(&connector);
    for opened in [1, 2] {
        let ask = client.request(get(server.uri("/a")));
        let (response, mut peer) = exchange(ask, server.serve(ok(""))).await;
        assert_eq!(response.unwrap().status(), 200);
        peer.closed().await;
        connector.until_closed(opened).await;
        assert_eq!(connector.opened(), opened);
    }
}
