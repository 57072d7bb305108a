use http::{Method, Request};
use http_body_util::Empty;
use hyper::body::Bytes;
use tokio::sync::mpsc;

use crate::support::{Pieces, Server, Told, builder, client, eventually, exchange, get, ok, text};

#[tokio::test]
async fn after_an_empty_response() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    let (_, mut peer) = exchange(client.request(get(server.uri("/a"))), server.serve(ok(""))).await;
    for path in ["/b", "/c"] {
        let ask = client.request(get(server.uri(path)));
        let (response, head) = exchange(ask, peer.serve(ok(""))).await;
        assert_eq!(response.unwrap().status(), 200);
        assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")));
    }
    assert_eq!(connector.opened(), 1);
}

#[tokio::test]
async fn after_a_chunked_body_has_been_read() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let (response, mut peer) =
        exchange(client.request(get(server.uri("/a"))), server.serve(chunked)).await;
    assert_eq!(text(response.unwrap()).await, "hello");
    let manager = client.manager().unwrap();
    eventually("it is given back", || manager.stats().total.idle == 1).await;
    let (response, _) = exchange(
        client.request(get(server.uri("/b"))),
        peer.serve(ok("again")),
    )
    .await;
    assert_eq!(text(response.unwrap()).await, "again");
    assert_eq!(connector.opened(), 1);
}

#[tokio::test]
async fn not_after_a_body_that_should_not_be_there() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    let head = Request::builder()
        .method(Method::HEAD)
        .uri(server.uri("/a"));
    let head = head.body(Empty::<Bytes>::new()).unwrap();
    let (response, _peer) = exchange(client.request(head), server.serve(ok("hello"))).await;
    assert_eq!(response.unwrap().status(), 200);
    let (response, _) = exchange(
        client.request(get(server.uri("/b"))),
        server.serve(ok("its own")),
    )
    .await;
    assert_eq!(text(response.unwrap()).await, "its own");
    assert_eq!(connector.opened(), 2);
}

#[tokio::test]
async fn while_its_request_is_still_being_sent_it_is_not() {
    let server = Server::start().await;
    let connector = Told::new();
    let (sender, pieces) = mpsc::channel(1);
    let client = builder().build(connector.clone());
    let request = Request::post(server.uri("/a")).body(Pieces(pieces));
    let (response, mut peer) =
        exchange(client.request(request.unwrap()), server.serve(ok(""))).await;
    assert_eq!(response.unwrap().status(), 200);
    let manager = client.manager().unwrap();
    assert_eq!(manager.stats().total.leased, 1);
    sender.send(Bytes::from("hello")).await.unwrap();
    drop(sender);
    assert_eq!(peer.read(15).await, "5\r\nhello\r\n0\r\n\r\n");
    eventually("it is given back", || manager.stats().total.idle == 1).await;
    assert_eq!((connector.opened(), connector.closed()), (1, 0));
}
