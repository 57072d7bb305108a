//! A proxy whose answer a test sets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A proxy of this runtime that answers every `CONNECT` alike.
pub(crate) struct HttpProxy {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl HttpProxy {
    /// Sends `answer`, and goes on as a tunnel to `to`, if there is one. Otherwise it sends no
    /// more and stays open; an empty answer closes at once.
    pub(crate) async fn start(answer: impl Into<String>, to: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&heads), answer.into());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), answer.clone(), to));
            }
        });
        Self { address, heads }
    }

    /// The heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("nobody panics").clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    heads: Arc<Mutex<Vec<String>>>,
    answer: String,
    to: Option<SocketAddr>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).expect("a head is text");
    heads.lock().expect("nobody panics").push(head);
    if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
        return;
    }
    match to {
        Some(to) => {
            let mut onward = TcpStream::connect(to).await.expect("the host listens");
            // Whichever end goes first, the other follows.
            let _ = copy_bidirectional(&mut stream, &mut onward).await;
        }
        None => {
            let _ = stream.read_u8().await;
        }
    }
}
