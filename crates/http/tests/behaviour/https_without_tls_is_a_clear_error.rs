//! `https` is for the manager to answer.

use crate::support::{Server, client, within};

#[tokio::test]
async fn https_without_tls_is_a_clear_error() {
    let (server, client) = (Server::start().await, client(1));
    let uri = format!("https://127.0.0.1:{}/", server.port());
    let error = within(client.get(uri.parse().unwrap())).await.unwrap_err();
    assert!(error.allocate().is_some(), "{error}");
    assert!(error.to_string().contains("TLS"), "{error}");
    assert_eq!(client.manager().totals().opened, 0);
}
