//! E1: errors of the manager and of the system reach the user unchanged.

use std::error::Error as _;

use keepalive::AllocateError;

use crate::support::{Pair, Server, client, exchange, within};

#[tokio::test]
async fn a_refused_connection_is_the_managers_error() {
    let client = client(1);
    let gone = Server::start().await.uri("/");
    let error = within(client.get(gone)).await.unwrap_err();
    assert_eq!(error.function(), "connect");
    assert!(error.error_num().is_some());
    assert_eq!(error.error_str(), "Connection refused");
    assert!(error.timing().is_some());
    assert!(error.allocate().is_some());
    assert!(error.source().unwrap().is::<AllocateError>());
}

#[tokio::test]
async fn a_reset_connection_is_the_systems_error() {
    let pair = Pair::start().await;
    let serve = async {
        let mut peer = pair.server.accept().await;
        peer.request().await;
        peer.reset();
    };
    let (response, ()) = exchange(pair.client.get(pair.server.uri("/")), serve).await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "response");
    assert_eq!(error.error_str(), "Connection reset by peer");
    assert!(error.error_num().is_some());
}
