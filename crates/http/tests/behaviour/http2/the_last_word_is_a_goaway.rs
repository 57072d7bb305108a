//! C8: the client sends a GOAWAY before it closes a connection.

use super::server::{GOAWAY, Server, ask, client};
use crate::support::within;

#[tokio::test]
async fn when_the_manager_shuts_down() {
    let (server, client) = (Server::start().await, client(1));
    let asked = ask(&client, server.uri("/"));
    let mut peer = server.accept(10).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    within(asked).await.unwrap().unwrap();

    let down = tokio::spawn(client.manager().shutdown());
    assert_eq!(peer.next(GOAWAY).await.payload[4..8], [0; 4], "no error");
    assert!(peer.frame().await.is_none());
    within(down).await.unwrap();
    assert_eq!(client.manager().totals().open, 0);
}
