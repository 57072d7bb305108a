//! Requests of many tasks at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use keepalive_http::Client;
use tokio::task::JoinSet;

use crate::backend::content;

const TASKS: usize = 32;
const EACH: usize = 65;
pub(crate) const REQUESTS: usize = TASKS * EACH;

/// From nothing to more than a window of HTTP/2 or a buffer of any of the servers holds.
const SIZES: [usize; 6] = [0, 1, 100, 5_000, 0, 90_000];

/// How the requests are sent.
pub(crate) struct Traffic {
    /// The URL up to its path.
    pub(crate) base: String,
    pub(crate) version: Version,
    /// Whether uploads come piece by piece, too. Those can not be sent again.
    pub(crate) pieces: bool,
}

/// Sends the requests, and checks all answers. Returns how often a request was sent again.
pub(crate) async fn run(client: &Client, traffic: Traffic) -> u32 {
    let traffic = Arc::new(traffic);
    let resent = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (client, traffic, resent) = (client.clone(), Arc::clone(&traffic), Arc::clone(&resent));
        tasks.spawn(async move {
            for number in 0..EACH {
                let times = exchange(&client, &traffic, task * EACH + number).await;
                resent.fetch_add(times, Relaxed);
            }
        });
    }
    tasks.join_all().await;
    resent.load(Relaxed)
}

async fn exchange(client: &Client, traffic: &Traffic, number: usize) -> u32 {
    let nonce = format!("n{number}");
    let size = SIZES[number % SIZES.len()];
    let shape = ["length", "chunked"][number / 2 % 2];
    let uri = format!("{}/{nonce}/{size}/{shape}", traffic.base);
    let upload = match number % 3 {
        0 => content("an upload", SIZES[number / 3 % SIZES.len()]),
        _ => Vec::new(),
    };
    let body = Full::new(Bytes::from(upload.clone()));
    let response = if upload.is_empty() {
        client.get(uri).await
    } else if traffic.pieces && number.is_multiple_of(2) {
        let body = body.map_frame(|frame| frame);
        client.request(Request::put(uri).body(body).unwrap()).await
    } else {
        client.request(Request::put(uri).body(body).unwrap()).await
    };
    let response = response.unwrap_or_else(|error| panic!("{nonce}: {error}"));
    assert_eq!(response.status(), 200, "{nonce}");
    assert_eq!(response.version(), traffic.version, "{nonce}");
    assert_eq!(response.headers()["x-nonce"], nonce.as_str());
    let allocation = *response.body().allocation();
    let body = response.into_body().collect().await;
    let body = body.unwrap_or_else(|error| panic!("{nonce}: {error}"));
    let expected = [upload, content(&nonce, size)].concat();
    assert!(body.to_bytes() == expected, "{nonce}: not its own answer");
    allocation.resent
}
