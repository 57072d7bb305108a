//! HTTP/2 by prior knowledge, said to a server that knows nothing of it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::server::client;
use crate::support::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_all_who_ask() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: http::Uri = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(refuse(stream));
        }
    });
    for _ in 0..40 {
        let client = client(2);
        let asked: Vec<_> = (0..8)
            .map(|_| tokio::spawn(client.get(uri.clone())))
            .collect();
        for asked in asked {
            let error = within(asked).await.unwrap().unwrap_err();
            let text = error.error_str();
            assert!(text.contains("frame with invalid size"), "{error}");
        }
    }
}

/// Answers as a server of HTTP/1.1 does, and closes when the client has.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.read_exact(&mut [0; 24]).await?;
    let answer = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer).await?;
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}
