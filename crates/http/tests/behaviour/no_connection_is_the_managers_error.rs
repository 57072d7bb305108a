//! E1: the manager's error of a failed allocation reaches the user unchanged.

use std::error::Error as _;

use crate::support::{Server, client, within};
use keepalive::AllocateError;

#[tokio::test]
async fn no_connection_is_the_managers_error() {
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
