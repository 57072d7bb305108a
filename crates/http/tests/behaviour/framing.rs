//! H3, RFC 9112: where a response ends. If two parties could find its end in two places, the bytes
//! between are never the next answer.

#![allow(clippy::unwrap_used)]

use http_body_util::BodyExt;
use hyper::body::Body as _;

use crate::support::{Pair, Peer, exchange, ok, text, within};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Checks that this connection is closed, and that the next answer is right.
async fn is_closed(pair: &Pair, mut peer: Peer) {
    peer.closed().await;
    pair.next_is_on_a_new_connection().await;
}

/// A HEAD, which the server answers so on a new connection; its body is empty.
async fn head(pair: &Pair, answer: &str) -> Peer {
    let asked = Box::pin(pair.client.head(pair.server.uri("/1")));
    let (response, peer) = exchange(asked, pair.server.serve(answer)).await;
    assert_eq!(text(response.unwrap()).await, "");
    peer
}

#[tokio::test]
async fn a_head_whose_response_announces_a_body_has_none() {
    let pair = Pair::start().await;
    let mut peer = head(&pair, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await;
    pair.next_is_on(&mut peer).await;
}

#[tokio::test]
async fn a_server_that_answers_a_head_with_a_body_is_not_asked_again_on_that_connection() {
    for body in ["hello", &ok("smuggled")] {
        let pair = Pair::start().await;
        let peer = head(&pair, &ok(body)).await;
        is_closed(&pair, peer).await;
    }
}

#[tokio::test]
async fn bytes_after_a_204_or_304_are_not_the_next_answer() {
    for status in ["204 No Content", "304 Not Modified"] {
        let pair = Pair::start().await;
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\n");
        let (response, peer) = pair.get(head + &ok("smuggled")).await;
        assert_eq!(text(response.unwrap()).await, "");
        is_closed(&pair, peer).await;
    }
}

// A client that used the length would read the end of the chunks as the next answer.
#[tokio::test]
async fn a_length_beside_chunks_does_not_count() {
    let pair = Pair::start().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n";
    let (response, peer) = pair.get(format!("{head}0\r\n\r\n{}", ok("smuggled"))).await;
    match response {
        Ok(response) => assert_eq!(text(response).await, ""),
        Err(error) => assert_eq!(error.function(), "response"),
    }
    is_closed(&pair, peer).await;
}

#[tokio::test]
async fn lengths_that_differ_or_make_no_sense_are_an_error() {
    for lengths in [
        "content-length: 3\r\ncontent-length: 4",
        "content-length: 3, 4",
        "content-length: -3",
        "content-length: +3",
        "content-length: 99999999999999999999999",
        "content-length: three",
    ] {
        let pair = Pair::start().await;
        let answer = format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nabcd");
        let (response, peer) = pair.get(answer).await;
        let error = response.expect_err(lengths);
        assert_eq!(error.function(), "response", "{lengths}: {error}");
        is_closed(&pair, peer).await;
    }
}

#[tokio::test]
async fn a_chunk_whose_size_makes_no_sense_is_an_error() {
    for size in ["-1", "+1", "0x1", "fffffffffffffffff", "", "no chunk"] {
        let pair = Pair::start().await;
        let answer = format!("{CHUNKED}{size}\r\na\r\n0\r\n\r\n");
        let (response, peer) = pair.get(answer).await;
        let body = response.unwrap().into_body().collect().await;
        assert_eq!(body.expect_err(size).function(), "body", "{size}");
        is_closed(&pair, peer).await;
    }
}

#[tokio::test]
async fn a_body_cut_short_is_an_error() {
    let pair = Pair::start().await;
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let (response, peer) = pair.get(half).await;
    drop(peer);
    let body = response.unwrap().into_body();
    let error = within(body.collect()).await.unwrap_err();
    assert_eq!(error.function(), "body");
    let tried = format!("GET http://127.0.0.1:{}: body: ", pair.server.port());
    assert!(error.to_string().starts_with(&tried), "{error}");
    pair.next_is_on_a_new_connection().await;
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_the_connection() {
    let pair = Pair::start().await;
    let (response, peer) = pair.get("HTTP/1.1 200 OK\r\n\r\nall there is").await;
    drop(peer);
    assert_eq!(text(response.unwrap()).await, "all there is");
    pair.next_is_on_a_new_connection().await;
}

#[tokio::test]
async fn a_chunked_body_ends_with_its_last_chunk_and_its_trailers() {
    for (chunks, sum) in [
        ("4\r\nin p\r\n4\r\narts\r\n0\r\n\r\n", None),
        ("8\r\nin parts\r\n0\r\nsum: 42\r\n\r\n", Some("42")),
    ] {
        let pair = Pair::start().await;
        let (response, mut peer) = pair.get(CHUNKED).await;
        let body = response.unwrap().into_body().collect();
        let (body, ()) = exchange(body, peer.send(chunks)).await;
        let body = body.unwrap();
        let trailers = body.trailers();
        let trailer = trailers.map(|trailers| trailers["sum"].to_str().unwrap());
        assert_eq!(trailer, sum);
        assert_eq!(body.to_bytes(), "in parts");
        pair.next_is_on(&mut peer).await;
    }
}

/// Before each frame, and at the end: the exact size if known, `is_end_stream`, and the frame.
type Frames = [(Option<u64>, bool, &'static str)];

#[tokio::test]
async fn the_size_hint_of_a_body_counts_the_bytes_still_to_be_read() {
    let cases: [(&str, &Frames); 3] = [
        (
            "content-length: 5\r\n\r\norder",
            &[(Some(5), false, "order"), (Some(0), true, "")],
        ),
        ("content-length: 0\r\n\r\n", &[(Some(0), true, "")]),
        (
            "transfer-encoding: chunked\r\n\r\n5\r\norder\r\n0\r\nsum: 5\r\n\r\n",
            &[
                (None, false, "order"),
                (None, false, "{\"sum\": \"5\"}"),
                (None, true, ""),
            ],
        ),
    ];
    for (rest, frames) in cases {
        let pair = Pair::start().await;
        let (response, _peer) = pair.get(format!("HTTP/1.1 200 OK\r\n{rest}")).await;
        let mut body = response.unwrap().into_body();
        for (number, (length, is_end, frame)) in frames.iter().enumerate() {
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
}

/// RFC 9112, section 5.2: a space replaces each fold. Folds do not change how a body is framed.
#[tokio::test]
async fn a_folded_header_is_one_line() {
    for (head, body, expected) in [
        ("x: one\r\n two\r\ncontent-length: 2", "ok", "one two"),
        (
            "x: one \r\n\t two\r\n three\r\ncontent-length: 2",
            "ok",
            "one two three",
        ),
        ("x: one\n two\r\ncontent-length: 2", "ok", "one two"),
        (
            "x: -\r\ntransfer-encoding:\r\n chunked",
            "2\r\nok\r\n0\r\n\r\n",
            "-",
        ),
        (
            "x: -\r\ntransfer-encoding: \r\n\tchunked",
            "2\r\nok\r\n0\r\n\r\n",
            "-",
        ),
        // A folded line is no header of its own.
        (
            "x: -\r\n transfer-encoding: chunked\r\ncontent-length: 2",
            "ok",
            "- transfer-encoding: chunked",
        ),
        (
            "x: -\r\n content-length: 1\r\ncontent-length: 2",
            "ok",
            "- content-length: 1",
        ),
    ] {
        let pair = Pair::start().await;
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
        let (response, _peer) = pair.get(answer).await;
        let response = response.expect(head);
        assert_eq!(response.headers()["x"], expected);
        assert_eq!(text(response).await, "ok", "{head:?}");
    }
}

#[tokio::test]
async fn a_folded_length_and_a_fold_after_the_status_are_errors() {
    for head in [
        "x: -\r\ncontent-length: 1\r\n 0",
        "x: -\r\ncontent-length: 2\r\n\t2",
        "x: -\r\ncontent-length: 2\r\n content-length: 2",
        "x: -\r\ncontent-length: 2,\r\n 3",
        " x: -\r\ncontent-length: 2",
    ] {
        let pair = Pair::start().await;
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n0123456789");
        let (response, _peer) = pair.get(answer).await;
        assert_eq!(response.expect_err(head).function(), "response", "{head:?}");
    }
}
