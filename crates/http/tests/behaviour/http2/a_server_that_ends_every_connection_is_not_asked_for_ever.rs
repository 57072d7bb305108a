use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keepalive::ErrorKind;
use tokio::net::TcpListener;

use super::server::client;
use crate::support::within;

const REQUESTS: usize = 64;

/// On one thread, hyper reads the end of the connection before the waiting requests are polled.
#[tokio::test]
async fn by_whom_it_waits_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: http::Uri = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let client = client(REQUESTS);
    let asked: Vec<_> = (0..REQUESTS)
        .map(|_| tokio::spawn(client.get(uri.clone())))
        .collect();
    for asked in asked {
        let error = within(asked).await.unwrap().unwrap_err();
        if let Some(error) = error.allocate() {
            assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
            assert_eq!(error.function(), "check");
            assert!(error.is_retryable(), "{error:?}");
        }
    }
    let accepted = accepted.load(Ordering::SeqCst);
    assert!(accepted <= 2 * REQUESTS, "{accepted} connections");
}
