//! HTTP/2 sends the parts of HTTP/1.1's first line and `host` as pseudo-header fields (RFC 9113,
//! section 8.3.1).

#![allow(clippy::unwrap_used)]

use http::Request;

use super::server::client;
use crate::support::{Server, within};

#[tokio::test]
async fn host_and_path() {
    let head = asked(|request, server| request.uri(server.uri("/a?b=c"))).await;
    assert_eq!(head.uri.path(), "/a");
    assert_eq!(head.uri.query(), Some("b=c"));
    assert_eq!(head.uri.scheme_str(), Some("http"));
    assert_eq!(head.uri.host(), Some("127.0.0.1"));
    assert!(!head.headers.contains_key("host"));
}

#[tokio::test]
async fn a_host_that_is_given_takes_the_place_of_the_urls() {
    let head = asked(|request, server| {
        request
            .uri(server.uri("/"))
            .header("host", "shop.test:8080")
    })
    .await;
    assert_eq!(head.uri.authority().unwrap().as_str(), "shop.test:8080");
    assert!(!head.headers.contains_key("host"));
}

/// The head of a request, as an independent server reads it.
async fn asked(
    build: impl FnOnce(http::request::Builder, &Server) -> http::request::Builder,
) -> http::request::Parts {
    let (server, client) = (Server::start().await, client(1));
    let request = build(Request::builder(), &server).body(String::new());
    let asked = tokio::spawn(client.request(request.unwrap()));
    let mut connection = h2::server::handshake(server.accept().await.into_stream());
    let mut connection = within(&mut connection).await.unwrap();
    let (request, mut respond) = within(connection.accept()).await.unwrap().unwrap();
    respond
        .send_response(http::Response::new(()), true)
        .unwrap();
    let (head, _) = request.into_parts();
    tokio::spawn(async move { while connection.accept().await.is_some() {} });
    assert_eq!(within(asked).await.unwrap().unwrap().status(), 200);
    head
}
