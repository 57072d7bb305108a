//! Where there is no body to read, nobody has to read it.

use crate::support::{Server, allocation, client, exchange};
use http::{Method, Request};
use http_body::Body as _;
use keepalive::FromCache;

#[tokio::test]
async fn an_empty_response_gives_its_connection_back_at_once() {
    let (server, client) = (Server::start().await, client(1));
    let get = client.get(server.uri("/"));
    let (first, mut peer) = exchange(get, server.serve("HTTP/1.1 204 No Content\r\n\r\n")).await;
    let mut held = vec![first.unwrap()];

    for (method, answer) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        ),
        (
            Method::GET,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
        ),
        (Method::GET, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let request = Request::builder().method(&method).uri(server.uri("/"));
        let request = client.request(request.body(String::new()).unwrap());
        let (response, head) = exchange(request, peer.serve(answer)).await;
        assert!(head.starts_with(method.as_str()), "{head}");
        let response = response.unwrap();
        assert_eq!(allocation(&response).from_cache, Some(FromCache::Immediate));
        assert!(response.body().is_end_stream());
        assert_eq!(client.manager().totals().idle, 1);
        held.push(response);
    }
}
