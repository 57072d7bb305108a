//! The size hint of a response's body counts the bytes still to be read, frame by frame.

#![allow(clippy::unwrap_used)]

use http_body_util::BodyExt;
use hyper::body::Body as _;

use crate::support::{Server, client, exchange, within};

#[tokio::test]
async fn of_a_known_length() {
    let said = [(Some(5), false, "order"), (Some(0), true, "")];
    check("content-length: 5\r\n\r\norder", &said).await;
}

#[tokio::test]
async fn of_no_length() {
    check("content-length: 0\r\n\r\n", &[(Some(0), true, "")]).await;
}

#[tokio::test]
async fn in_chunks_with_trailers() {
    let chunks = "transfer-encoding: chunked\r\n\r\n5\r\norder\r\n0\r\nsum: 5\r\n\r\n";
    let said = [
        (None, false, "order"),
        (None, false, "{\"sum\": \"5\"}"),
        (None, true, ""),
    ];
    check(chunks, &said).await;
}

/// Before each frame, and at the end: the exact size if known, `is_end_stream`, and the frame.
async fn check(rest: &str, said: &[(Option<u64>, bool, &str)]) {
    let (server, client) = (Server::start().await, client(1));
    let answer = format!("HTTP/1.1 200 OK\r\n{rest}");
    let (response, _peer) = exchange(client.get(server.uri("/")), server.serve(answer)).await;
    let mut body = response.unwrap().into_body();
    for (number, (length, is_end, frame)) in said.iter().enumerate() {
        assert_eq!(body.size_hint().exact(), *length, "before frame {number}");
        assert_eq!(body.is_end_stream(), *is_end, "before frame {number}");
        let came = match within(body.frame()).await {
            None => String::new(),
            Some(frame) => match frame.unwrap().into_data() {
                Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
                Err(trailers) => format!("{:?}", trailers.into_trailers().unwrap()),
            },
        };
        assert_eq!(came, *frame);
    }
}
