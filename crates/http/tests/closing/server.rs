//! A server of HTTP/1.1 that answers a request with its path, and closes between requests at random:
//! sometimes at once, sometimes as the next request is there, unread or read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<HashMap<String, u32>>>,
    dice: Arc<AtomicU64>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
            dice: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let server = serving.clone();
                tokio::spawn(async move {
                    // It fails where the client closes first.
                    let _ended = server.serve(stream).await;
                });
            }
        });
        server
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The number of requests for each path.
    pub(crate) fn seen(&self) -> HashMap<String, u32> {
        self.seen.lock().unwrap().clone()
    }

    async fn serve(self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut is_first = true;
        loop {
            if !is_first && self.one_in(40) {
                return Ok(());
            }
            let Some(path) = request(&mut stream).await? else {
                return Ok(());
            };
            *self.seen.lock().unwrap().entry(path.clone()).or_default() += 1;
            if !is_first && self.one_in(40) {
                return Ok(());
            }
            is_first = false;
            let length = path.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{path}");
            stream.write_all(answer.as_bytes()).await?;
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

/// Reads the head of a request. Returns its path, or `None` at the end.
async fn request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Ok(None);
        }
    }
    Ok(head.split(' ').nth(1).map(str::to_owned))
}
