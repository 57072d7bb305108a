//! A server of HTTP/1.1 that answers a request with its path, and closes between requests at random:
//! sometimes at once, sometimes as the next request is there, unread or read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use keepalive_testkit::http_server::{self, Peer, ok};

#[derive(Clone)]
pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<HashMap<String, u32>>>,
    dice: Arc<AtomicU64>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = http_server::Server::start().await;
        let server = Self {
            port: listener.port(),
            seen: Arc::default(),
            dice: Arc::default(),
        };
        let serving = server.clone();
        listener.each(move |peer| serving.clone().serve(peer));
        server
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The number of requests for each path.
    pub(crate) fn seen(&self) -> HashMap<String, u32> {
        self.seen.lock().unwrap().clone()
    }

    async fn serve(self, mut peer: Peer) {
        let mut is_first = true;
        loop {
            if !is_first && self.one_in(40) {
                return;
            }
            let Some(head) = peer.head().await else {
                return;
            };
            let path = head.split(' ').nth(1).unwrap();
            *self
                .seen
                .lock()
                .unwrap()
                .entry(path.to_owned())
                .or_default() += 1;
            if !is_first && self.one_in(40) {
                return;
            }
            is_first = false;
            if peer.try_send(&ok(path)).await.is_err() {
                return;
            }
        }
    }

    /// The same numbers in each run, in whatever order connections draw them (SplitMix64).
    fn one_in(&self, times: u64) -> bool {
        let mut number = self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ (number >> 31)).is_multiple_of(times)
    }
}
