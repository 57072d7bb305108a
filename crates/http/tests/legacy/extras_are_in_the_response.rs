use crate::support::{Server, Told, client, exchange, get, ok};

#[derive(Clone, Debug, PartialEq)]
struct First(u32);

#[derive(Clone, Debug, PartialEq)]
struct Second(&'static str);

#[tokio::test]
async fn of_every_response_of_the_connection() {
    let server = Server::start().await;
    let connector = Told::describing(|connected| connected.extra(First(1)).extra(Second("two")));
    let client = client(&connector);
    let ask = client.request(get(server.uri("/a")));
    let (first, mut peer) = exchange(ask, server.serve(ok(""))).await;
    let ask = client.request(get(server.uri("/b")));
    let (second, _) = exchange(ask, peer.serve(ok(""))).await;
    for response in [first.unwrap(), second.unwrap()] {
        assert_eq!(response.extensions().get(), Some(&First(1)));
        assert_eq!(response.extensions().get(), Some(&Second("two")));
    }
}
