//! H15: a server receives a URL's path, query and credentials, in the form of the URL standard.

use crate::support::{Server, client, exchange, ok, text, within};
use http::{Request, Response, Uri};
use keepalive_http::{Body, Error};

#[tokio::test]
async fn a_url_decides_what_is_sent() {
    let (server, client) = (Server::start().await, client(1));
    let port = server.port();
    let serve = async {
        let mut peer = server.accept().await;
        (peer.serve(ok("")).await, peer)
    };
    let (response, (head, mut peer)) = exchange(client.get(server.uri("?a=b")), serve).await;
    text(response.unwrap()).await;
    assert_eq!(
        head,
        format!("GET /?a=b HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n")
    );

    let request = Request::head(server.uri("/a/b")).header("host", "h.test");
    let request = request.header("accept", "*/*").body(String::new()).unwrap();
    let (response, head) = exchange(client.request(request), peer.serve(ok(""))).await;
    text(response.unwrap()).await;
    assert_eq!(
        head,
        "HEAD /a/b HTTP/1.1\r\nhost: h.test\r\naccept: */*\r\n\r\n"
    );
}

#[tokio::test]
async fn or_that_nothing_can_be() {
    let client = client(1);
    for (url, said) in [
        ("/a", "absolute"),
        ("ftp://127.0.0.1/", "ftp"),
        ("http://127.0.0.1:65536/", "65536"),
        ("http://127.0.0.1:0/", "0"),
        ("http://256.1.1.1/", "256.1.1.1"),
    ] {
        let uri: Uri = url.parse().unwrap();
        let error = within(client.get(uri)).await.unwrap_err();
        assert_eq!(error.function(), "url");
        let message = error.to_string();
        assert!(message.contains(said), "{message}");
    }
    for (text, said) in [
        ("127.0.0.1/", "no scheme"),
        ("http://root:hunter2@a b/", "' ' is not allowed"),
        ("http://root:hunter2@256.1.1.1/", "256.1.1.1"),
    ] {
        let error = within(client.get(text)).await.unwrap_err();
        assert_eq!(error.function(), "url");
        let message = error.to_string();
        assert!(message.contains(said), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[tokio::test]
async fn text_is_sent_as_browsers_send_it_and_a_uri_as_it_stands_but_in_ascii() {
    let client = client(1);
    for (path, by_text, by_uri) in [
        ("/ä?ö", "/%C3%A4?%C3%B6", Some("/%C3%A4?%C3%B6")),
        ("/a/../b/%2e/c", "/b/c", Some("/a/../b/%2e/c")),
        ("/<\\>", "/%3C/%3E", None),
        ("/a b?c d#top", "/a%20b?c%20d", None),
        ("?a", "/?a", Some("/?a")),
    ] {
        let server = Server::start().await;
        let text = format!("http://127.0.0.1:{}{path}", server.port());
        let first = Box::pin(first_line(client.get(&text), &server)).await;
        assert_eq!(first, format!("GET {by_text} HTTP/1.1"));
        let uri: Result<Uri, _> = text.parse();
        assert_eq!(uri.is_ok(), by_uri.is_some(), "{text}");
        if let (Ok(uri), Some(expected)) = (uri, by_uri) {
            let first = Box::pin(first_line(client.get(uri), &server)).await;
            assert_eq!(first, format!("GET {expected} HTTP/1.1"));
        }
    }
}

#[tokio::test]
async fn a_user_name_and_a_password_are_sent_as_credentials_and_nowhere_else() {
    let client = client(1);
    let server = Server::start().await;
    let text = format!("http://me:s%C3%A4cret@127.0.0.1:{}/", server.port());
    let basic = "authorization: Basic bWU6c8OkY3JldA==\r\n";
    let host = format!("host: 127.0.0.1:{}\r\n", server.port());

    let head = Box::pin(head_of(client.get(&text), &server)).await;
    assert!(head.contains(basic) && head.contains(&host), "{head}");

    let request = Request::get(&text).body(String::new()).unwrap();
    let head = Box::pin(head_of(client.request(request), &server)).await;
    assert!(head.contains(basic) && head.contains(&host), "{head}");

    let request = Request::get(&text).header("authorization", "Bearer mine");
    let request = request.body(String::new()).unwrap();
    let head = Box::pin(head_of(client.request(request), &server)).await;
    assert!(head.contains("authorization: Bearer mine\r\n"), "{head}");
    assert!(!head.contains("Basic") && !head.contains('@'), "{head}");
}

/// The head that the server receives; the connection is closed afterwards.
async fn head_of(
    ask: impl Future<Output = Result<Response<Body>, Error>>,
    server: &Server,
) -> String {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let serve = async { server.accept().await.serve(answer).await };
    let (response, head) = exchange(ask, serve).await;
    text(response.expect("an answer")).await;
    head
}

async fn first_line(
    ask: impl Future<Output = Result<Response<Body>, Error>>,
    server: &Server,
) -> String {
    let head = head_of(ask, server).await;
    head.lines().next().expect("a line").to_owned()
}
