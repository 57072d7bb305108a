//! H1: the extension `Idempotent` overrides the method's idempotence (RFC 9110, section 9.2.2).

#![allow(clippy::unwrap_used)]

use http::{Method, Request};
use keepalive_http::Idempotent;

use crate::http2;
use crate::support::{Server, allocation, client, exchange, ok, text, within};

/// Which requests are sent again when their reused connection ends without a byte of a response.
const CASES: [(Method, Option<Idempotent>, bool); 6] = [
    (Method::GET, None, true),
    (Method::GET, Some(Idempotent(true)), true),
    (Method::GET, Some(Idempotent(false)), false),
    (Method::POST, None, false),
    (Method::POST, Some(Idempotent(true)), true),
    (Method::POST, Some(Idempotent(false)), false),
];

#[tokio::test]
async fn by_one_version() {
    for (method, said, again) in CASES {
        let (server, client) = (Server::start().await, client(1));
        let (response, mut peer) =
            exchange(client.get(server.uri("/")), server.serve(ok("one"))).await;
        assert_eq!(text(response.unwrap()).await, "one");

        let ask = client.request(request(&method, server.uri("/"), said));
        let serve = async {
            peer.request().await;
            drop(peer);
            if again {
                server.serve(ok("two")).await;
            }
        };
        let (response, ()) = exchange(ask, serve).await;
        match again {
            true => assert_eq!(allocation(&response.unwrap()).resent, 1),
            false => assert_eq!(response.unwrap_err().resent(), 0, "{method} {said:?}"),
        }
    }
}

#[tokio::test]
async fn and_by_the_other() {
    for (method, said, again) in CASES {
        let (server, client) = (http2::Server::start().await, http2::client(1));
        let first = tokio::spawn(client.get(server.uri("/")));
        let mut peer = server.accept(10).await;
        let stream = peer.request().await;
        peer.answer(stream).await;
        within(first).await.unwrap().unwrap();

        let asked = tokio::spawn(client.request(request(&method, server.uri("/"), said)));
        peer.request().await;
        drop(peer);
        if again {
            let mut peer = server.accept(10).await;
            let stream = peer.request().await;
            peer.answer(stream).await;
            let response = within(asked).await.unwrap().unwrap();
            assert_eq!(allocation(&response).resent, 1);
        } else {
            let error = within(asked).await.unwrap().unwrap_err();
            assert_eq!(error.resent(), 0, "{method} {said:?}");
        }
    }
}

fn request(method: &Method, uri: http::Uri, said: Option<Idempotent>) -> Request<String> {
    let mut request = Request::new(String::new());
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri;
    if let Some(said) = said {
        request.extensions_mut().insert(said);
    }
    request
}
