//! An exchange that is dropped at any poll, of its request or of its body, leaves nothing behind.
//! Its permit is free, the next request gets its own answer, and exchanges on the same connection go
//! on.

#![allow(clippy::print_stderr)] // how much was run

mod cut;
mod http1;
mod http2;
mod pipe;
mod streams;
mod upload;

use std::future::Future;
use std::time::Duration;

use http_body_util::BodyExt;
use keepalive_http::{Client, StreamConnector};
use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

use upload::Upload;

/// Runs a future in a runtime of its own, on paused time, and checks that no task is left.
fn play<T>(what: &str, played: impl Future<Output = T>) -> T {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let played = timeout(Duration::from_secs(10), played).await;
        let played = played.unwrap_or_else(|_| panic!("{what}: it hangs"));
        settle().await;
        assert_eq!(tasks(), 0, "{what}: tasks are left");
        played
    })
}

/// Lets every task do what it can do by now.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Sends a request, reads its answer, and checks that the answer belongs to the request.
async fn exchange<C: StreamConnector>(client: &Client<C>, path: &str, upload: Upload) {
    let response = upload.send(client, path).await;
    let response = response.unwrap_or_else(|error| panic!("{path}, {upload:?}: {error}"));
    let body = response.into_body().collect().await;
    let body = body.unwrap_or_else(|error| panic!("{path}, {upload:?}: {error}"));
    let expected = match path.split('/').nth(1) {
        Some("empty") => String::new(),
        Some("early") => answer(path, ""),
        _ => answer(path, upload.text()),
    };
    assert_eq!(body.to_bytes(), expected);
}

/// The body of both servers' answers.
fn answer(path: &str, told: &str) -> String {
    format!("this is {path}, and you said {told:?}")
}
