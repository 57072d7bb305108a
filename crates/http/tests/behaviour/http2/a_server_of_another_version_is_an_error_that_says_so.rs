//! HTTP/2 by prior knowledge, sent to a server that does not speak it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::join;
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
            let begins = "no HTTP/2, it begins with \"HTTP/1.1 400 Bad\"";
            assert!(text.contains(begins), "{error}");
            assert!(error.is_not_http2());
        }
    }
}

#[tokio::test]
async fn one_that_says_nothing_or_something_of_http_2_may_speak_it() {
    for (answer, is_not) in [
        (&b""[..], false),
        (b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b", false), // GOAWAY
        (b"\0\0\x06\x04\0\0\0\0\0", false),                   // half of SETTINGS
        (b"220 mail.test ESMTP\r\n", true),
        (b"\x15\x03\x01\0\x02\x02\x46", true), // an alert of TLS
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: http::Uri = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let client = client(1).retries(0);
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 24]).await.unwrap();
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
            let _closed = stream.read_to_end(&mut Vec::new()).await;
        };
        let (outcome, ()) = within(async { join!(client.get(uri), serve) }).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.is_not_http2(), is_not, "{answer:?}: {error}");
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
