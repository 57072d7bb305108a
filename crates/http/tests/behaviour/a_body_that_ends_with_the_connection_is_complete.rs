//! A body without a length ends where the connection does.

use crate::support::{Server, allocation, client, exchange, ok, text};

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_complete() {
    let (server, client) = (Server::start().await, client(1));
    let serve = async {
        server.serve("HTTP/1.1 200 OK\r\n\r\nall there is").await;
    };
    let (response, ()) = exchange(client.get(server.uri("/")), serve).await;
    assert_eq!(text(response.unwrap()).await, "all there is");

    let (response, _peer) = exchange(client.get(server.uri("/")), server.serve(ok(""))).await;
    assert_eq!(allocation(&response.unwrap()).from_cache, None);
}
