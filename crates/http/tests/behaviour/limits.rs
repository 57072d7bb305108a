//! L1, as the server counts it: a permit is free only when its socket is closed.

#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::{client, text, within};
use http::Uri;
use tokio::task::JoinSet;

const REQUESTS: usize = 50;
const MAX: usize = 2;
const BODY: usize = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_most_max_per_host_connections_are_open_at_the_server() {
    for (header, is_read, expected) in [
        ("", true, None),
        ("connection: close\r\n", true, Some(REQUESTS)),
        // Each is dropped half read.
        ("", false, Some(REQUESTS)),
    ] {
        let (most, accepted) = check(header, is_read).await;
        assert!(most <= MAX, "{most} at once");
        match expected {
            Some(expected) => assert_eq!(accepted, expected),
            None => assert!(accepted <= MAX, "{accepted} accepted"),
        }
    }
}

/// The most connections that were open at once, and how many were accepted.
async fn check(header: &'static str, read: bool) -> (usize, usize) {
    let client = client(MAX);
    let (uri, counts) = serve(header);
    let mut requests = JoinSet::new();
    for _ in 0..REQUESTS {
        let response = client.get(uri.clone());
        requests.spawn(async move {
            let response = response.await.unwrap();
            if read {
                assert_eq!(text(response).await.len(), BODY);
            }
        });
    }
    within(requests.join_all()).await;
    (
        counts.most.load(Ordering::SeqCst),
        counts.accepted.load(Ordering::SeqCst),
    )
}

#[derive(Default)]
struct Counts {
    most: AtomicUsize,
    accepted: AtomicUsize,
}

/// One thread looks at all sockets in turn, and never closes one by itself: whenever it accepts a
/// connection, it first looks which of the others have been closed by the client.
fn serve(header: &'static str) -> (Uri, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let counts = Arc::new(Counts::default());
    let shared = Arc::clone(&counts);
    thread::spawn(move || {
        let mut peers = Vec::new();
        // The test holds the other one.
        while Arc::strong_count(&shared) > 1 {
            let accepted = listener.accept().ok();
            peers.retain_mut(|peer: &mut Peer| peer.turn(header));
            if let Some((stream, _)) = accepted {
                stream.set_nonblocking(true).unwrap();
                peers.push(Peer {
                    stream,
                    request: Vec::new(),
                    answer: Vec::new(),
                });
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                shared.most.fetch_max(peers.len(), Ordering::SeqCst);
            }
            thread::yield_now();
        }
    });
    (uri.parse().unwrap(), counts)
}

struct Peer {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Peer {
    /// Reads and writes as far as possible; false if the client has closed.
    fn turn(&mut self, header: &str) -> bool {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(n) => self.request.extend(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        if self.request.ends_with(b"\r\n\r\n") {
            self.request.clear();
            let head = format!("HTTP/1.1 200 OK\r\n{header}content-length: {BODY}\r\n\r\n");
            self.answer = head.into_bytes();
            self.answer.resize(self.answer.len() + BODY, b'x');
        }
        match self.stream.write(&self.answer) {
            Ok(n) => drop(self.answer.drain(..n)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        true
    }
}
