//! H3, H5: exchanges of our own and exchanges by hyper, alone and in turn on one connection.

#![allow(clippy::unwrap_used)]

use http::{Method, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Channel};
use hyper::body::Bytes;

use crate::support::{Pair, allocation, exchange, ok, text, within};

/// A body that is not in memory as a whole.
fn streamed(text: &'static str) -> BoxBody<Bytes, std::io::Error> {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move { sender.send_data(Bytes::from_static(text.as_bytes())).await });
    BodyExt::boxed(body)
}

#[tokio::test]
async fn requests_by_us_and_by_hyper_take_turns_on_one_connection() {
    let pair = Pair::start().await;
    let mut peer = pair.used().await;
    for turn in 0..12 {
        let answer = format!("answer {turn}");
        let uri = pair.server.uri("/");
        let response = match turn % 4 {
            0 | 3 => {
                let request = Request::put(uri).body("in memory".to_owned()).unwrap();
                let asked = Box::pin(pair.client.request(request));
                let (response, sent) = exchange(asked, peer.serve(ok(&answer))).await;
                assert!(sent.contains("content-length: 9\r\n"), "{sent}");
                response
            }
            1 => {
                let request = Request::post(uri).body(streamed("streamed")).unwrap();
                let asked = Box::pin(pair.client.request(request));
                let serve = async {
                    let head = peer.head().await.unwrap();
                    assert!(head.contains("transfer-encoding: chunked"), "{head}");
                    assert_eq!(peer.read(18).await, "8\r\nstreamed\r\n0\r\n\r\n");
                    peer.send(&ok(&answer)).await;
                };
                exchange(asked, serve).await.0
            }
            _ => {
                let request = Request::get(uri).header("connection", "keep-alive");
                let request = request.body(String::new()).unwrap();
                let asked = Box::pin(pair.client.request(request));
                exchange(asked, peer.serve(ok(&answer))).await.0
            }
        };
        let response = response.unwrap();
        assert!(allocation(&response).from_cache.is_some(), "turn {turn}");
        assert_eq!(text(response).await, answer);
    }
    assert_eq!(pair.client.manager().totals().opened, 1);
}

#[tokio::test]
async fn a_connection_is_upgraded_after_exchanges_of_our_own() {
    let pair = Pair::start().await;
    let mut peer = pair.used().await;
    let request = Request::get(pair.server.uri("/"));
    let request = request
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    let asked = pair.client.request(request.body(String::new()).unwrap());
    let switch =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhi";
    let (response, _) = exchange(Box::pin(asked), peer.serve(switch)).await;
    let upgraded = hyper::upgrade::on(response.unwrap());
    let mut upgraded = hyper_util::rt::TokioIo::new(within(upgraded).await.unwrap());
    let mut told = [0; 2];
    within(tokio::io::AsyncReadExt::read_exact(
        &mut upgraded,
        &mut told,
    ))
    .await
    .unwrap();
    assert_eq!(&told, b"hi");
    drop(upgraded);
    peer.closed().await;
}

#[tokio::test]
async fn a_response_with_two_framings_closes_its_connection() {
    let pair = Pair::start().await;
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 16\r\n\r\n";
    let (response, mut peer) = pair.get(format!("{head}4\r\nbody\r\n0\r\n\r\n")).await;
    assert_eq!(text(response.unwrap()).await, "body");
    if std::env::var_os("KEEPALIVE_HTTP1_BY_HYPER").is_none() {
        peer.closed().await;
        pair.next_is_on_a_new_connection().await;
    }
}

#[tokio::test]
async fn a_server_of_http_1_0_is_asked_in_its_version_as_long_as_it_keeps_the_connection() {
    let pair = Pair::start().await;
    let kept = "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nold";
    let (response, mut peer) = pair.get(kept).await;
    assert_eq!(text(response.unwrap()).await, "old");
    let asked = Box::pin(pair.client.get(pair.server.uri("/")));
    let answer = "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nend";
    let (response, sent) = exchange(asked, peer.serve(answer)).await;
    assert!(sent.starts_with("GET / HTTP/1.0\r\n"), "{sent}");
    assert!(sent.contains("\r\nconnection: keep-alive\r\n"), "{sent}");
    assert_eq!(text(response.unwrap()).await, "end");
    peer.closed().await;
    pair.next_is_on_a_new_connection().await;
}

#[tokio::test]
async fn a_response_may_arrive_byte_by_byte() {
    let pair = Pair::start().await;
    let answers = [
        ok("by length"),
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nfolded: a\r\n b\r\n\
         transfer-encoding: chunked\r\n\r\n3;x=y\r\nby \r\n6\r\nchunks\r\n0\r\nend: yes\r\n\r\n"
            .to_owned(),
    ];
    let mut peer = pair.used().await;
    for (answer, expected) in answers.iter().zip(["by length", "by chunks"]) {
        let asked = Box::pin(async {
            let response = pair.client.get(pair.server.uri("/")).await.unwrap();
            within(response.into_body().collect()).await.unwrap()
        });
        let serve = async {
            peer.head().await.unwrap();
            for byte in answer.chars() {
                peer.send(&byte.to_string()).await;
                tokio::task::yield_now().await;
            }
        };
        let (body, ()) = exchange(asked, serve).await;
        let trailers = body.trailers().map(http::HeaderMap::len);
        assert_eq!(trailers, (expected == "by chunks").then_some(1));
        assert_eq!(body.to_bytes(), expected);
    }
    assert_eq!(pair.client.manager().totals().opened, 1);
}

#[tokio::test]
async fn a_body_of_many_reads_arrives_as_it_was_sent() {
    let pair = Pair::start().await;
    let large = "0123456789".repeat(100_000);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    for answer in [ok(&large), chunked] {
        let asked = Box::pin(async {
            let response = pair.client.get(pair.server.uri("/")).await.unwrap();
            text(response).await
        });
        let (body, mut peer) = exchange(asked, pair.server.serve(&answer)).await;
        assert_eq!(body, large);
        pair.next_is_on(&mut peer).await;
        drop(peer);
    }
}

#[tokio::test]
async fn a_body_that_was_dropped_half_read_is_no_part_of_the_next_answer() {
    let pair = Pair::start().await;
    let (response, mut peer) = pair.get(ok(&"x".repeat(1000))).await;
    let mut body = response.unwrap().into_body();
    let frame = within(body.frame()).await.unwrap().unwrap();
    assert!(frame.into_data().is_ok());
    drop(body);
    pair.next_is_on(&mut peer).await;
}

#[tokio::test]
async fn a_head_is_answered_without_its_body_on_a_connection_that_goes_on() {
    let pair = Pair::start().await;
    let mut peer = pair.used().await;
    for method in [Method::HEAD, Method::GET, Method::OPTIONS] {
        let request = Request::builder().method(&method).uri(pair.server.uri("/"));
        let asked = pair.client.request(request.body(String::new()).unwrap());
        let answer = match method == Method::HEAD {
            true => "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n".to_owned(),
            false => ok("body"),
        };
        let (response, sent) = exchange(Box::pin(asked), peer.serve(answer)).await;
        assert!(sent.starts_with(method.as_str()));
        let expected = if method == Method::HEAD { "" } else { "body" };
        assert_eq!(text(response.unwrap()).await, expected);
    }
    assert_eq!(pair.client.manager().totals().opened, 1);
}

#[tokio::test]
async fn a_post_whose_connection_ends_unanswered_is_not_sent_again_whatever_its_size() {
    for size in [0, 10, 10_000, 16 * 1024] {
        let pair = Pair::start().await;
        let mut peer = pair.used().await;
        let request = Request::post(pair.server.uri("/")).body("x".repeat(size));
        let asked = Box::pin(pair.client.request(request.unwrap()));
        let serve = async {
            peer.head().await.unwrap();
            assert_eq!(peer.read(size).await.len(), size);
            drop(peer);
        };
        let (response, ()) = exchange(asked, serve).await;
        let error = response.unwrap_err();
        assert_eq!(
            (error.function(), error.resent()),
            ("response", 0),
            "{size}: {error}"
        );
    }
}

#[tokio::test]
async fn an_upload_goes_on_while_nobody_reads_its_response() {
    let pair = Pair::start().await;
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    let request = Request::put(pair.server.uri("/")).body(body).unwrap();
    let serve = async {
        let mut peer = pair.server.accept().await;
        peer.head().await.unwrap();
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
            .await;
        peer
    };
    let (response, mut peer) = exchange(Box::pin(pair.client.request(request)), serve).await;
    for _ in 0..3 {
        within(sender.send_data(Bytes::from_static(b"piece")))
            .await
            .unwrap();
        assert_eq!(within(peer.read(10)).await, "5\r\npiece\r\n");
    }
    drop(sender);
    assert_eq!(within(peer.read(5)).await, "0\r\n\r\n");
    peer.send("after").await;
    assert_eq!(text(response.unwrap()).await, "after");
    pair.next_is_on(&mut peer).await;
}

#[tokio::test]
async fn an_error_tells_half_a_head_from_no_response() {
    if std::env::var_os("KEEPALIVE_HTTP1_BY_HYPER").is_some() {
        return; // hyper does not tell them apart.
    }
    for (answer, expected) in [
        ("", "the server closed the connection without a response"),
        ("HTTP/1.1 200 OK\r\n", "closed before the end of the head"),
    ] {
        let pair = Pair::start().await;
        let (response, ()) = exchange(Box::pin(pair.client.get(pair.server.uri("/"))), async {
            drop(pair.server.serve(answer).await);
        })
        .await;
        let error = response.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
