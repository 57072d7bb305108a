//! RFC 9112, section 5.2: a space replaces each fold in a response's head. Folds do not change how
//! the body is framed.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, client, exchange, text};

#[tokio::test]
async fn a_value_goes_on_after_a_space() {
    for (folded, value) in [
        ("one\r\n two", "one two"),
        ("one \r\n\t two\r\n three", "one two three"),
        ("one\n two", "one two"),
    ] {
        let head = format!("x: {folded}\r\ncontent-length: 2");
        assert_eq!(
            answer(&head, "ok").await,
            Ok((value.to_owned(), "ok".to_owned()))
        );
    }
}

#[tokio::test]
async fn what_frames_a_body_may_be_folded() {
    let chunks = "2\r\nok\r\n0\r\n\r\n";
    for head in [
        "x: -\r\ntransfer-encoding:\r\n chunked",
        "x: -\r\ntransfer-encoding: \r\n\tchunked",
    ] {
        assert_eq!(
            answer(head, chunks).await,
            Ok(("-".to_owned(), "ok".to_owned()))
        );
    }
}

#[tokio::test]
async fn a_length_in_two_lines_is_none() {
    for head in [
        "x: -\r\ncontent-length: 1\r\n 0",
        "x: -\r\ncontent-length: 2\r\n\t2",
        "x: -\r\ncontent-length: 2\r\n content-length: 2",
        "x: -\r\ncontent-length: 2,\r\n 3",
    ] {
        assert_eq!(
            answer(head, "0123456789").await,
            Err("response".to_owned()),
            "{head:?}"
        );
    }
}

#[tokio::test]
async fn what_is_folded_is_no_header_of_its_own() {
    for head in [
        "x: -\r\n transfer-encoding: chunked\r\ncontent-length: 2",
        "x: -\r\n content-length: 1\r\ncontent-length: 2",
    ] {
        let (value, body) = answer(head, "ok").await.unwrap();
        assert!(value.starts_with("- "), "{value}");
        assert_eq!(body, "ok");
    }
}

#[tokio::test]
async fn there_is_nothing_to_go_on_from_after_the_status() {
    assert_eq!(
        answer(" x: -\r\ncontent-length: 2", "ok").await,
        Err("response".to_owned())
    );
}

/// The header `x` and the body, or the function that failed.
async fn answer(head: &str, body: &str) -> Result<(String, String), String> {
    let (server, client) = (Server::start().await, client(1));
    let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
    let (response, _peer) = exchange(client.get(server.uri("/")), server.serve(answer)).await;
    let response = response.map_err(|error| error.function().to_owned())?;
    let value = response.headers()["x"].to_str().unwrap().to_owned();
    Ok((value, text(response).await))
}
