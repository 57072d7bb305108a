use crate::support::{Server, Told, client, exchange, get};

#[tokio::test]
async fn of_known_length() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 131072\r\n\r\n";
    let (response, mut peer) =
        exchange(client.request(get(server.uri("/a"))), server.serve(head)).await;
    peer.send(&"x".repeat(1024)).await;
    drop(response.unwrap());
    connector.until_closed(1).await;
}

#[tokio::test]
async fn of_unknown_length() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (response, mut peer) =
        exchange(client.request(get(server.uri("/a"))), server.serve(head)).await;
    drop(response.unwrap());
    connector.until_closed(1).await;
    peer.closed().await;
}
