//! H1: only a reused connection can have been closed just as we used it.

use crate::support::{Server, client, exchange};

#[tokio::test]
async fn a_request_on_a_fresh_connection_is_never_sent_again() {
    let (server, client) = (Server::start().await, client(4));
    let serve = async {
        server.accept().await.request().await;
    };
    let (response, ()) = exchange(client.get(server.uri("/secret?token=1")), serve).await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "response");
    assert_eq!(error.error_num(), None);
    assert_eq!(error.resent(), 0);
    assert!(error.timing().is_some());
    assert!(error.allocate().is_none());
    let message = error.to_string();
    assert!(
        message.starts_with(&format!("GET http://127.0.0.1:{}: ", server.port())),
        "{message}"
    );
    assert!(!message.contains("token"), "{message}");
    assert_eq!(client.manager().totals().opened, 1);
}

#[tokio::test]
async fn the_systems_error_is_told() {
    let (server, client) = (Server::start().await, client(4));
    let serve = async {
        let mut peer = server.accept().await;
        peer.request().await;
        peer.reset();
    };
    let (response, ()) = exchange(client.get(server.uri("/")), serve).await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "response");
    assert_eq!(error.error_str(), "Connection reset by peer");
    assert!(error.error_num().is_some());
}
