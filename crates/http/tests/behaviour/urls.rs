//! H15: a server receives a URL's path, query and credentials, in the form of the URL standard.

use http::{Request, Uri};

use crate::support::{Outcome, Pair, client, exchange, text, within};

#[tokio::test]
async fn a_request_line_has_the_path_and_query_and_host_is_the_authority_unless_set() {
    let pair = Pair::start().await;
    let port = pair.server.port();
    let uri = pair.server.uri("?a=b");
    let head = head_of(Box::pin(pair.client.get(uri)), &pair).await;
    let expected = format!("GET /?a=b HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n");
    assert_eq!(head, expected);

    let request = Request::head(pair.server.uri("/a/b")).header("host", "h.test");
    let request = request.header("accept", "*/*").body(String::new()).unwrap();
    let head = head_of(Box::pin(pair.client.request(request)), &pair).await;
    let expected = "HEAD /a/b HTTP/1.1\r\nhost: h.test\r\naccept: */*\r\n\r\n";
    assert_eq!(head, expected);
}

#[tokio::test]
async fn a_url_that_makes_no_sense_is_an_error_without_its_password() {
    let client = client(1);
    let check = async |asked: &mut (dyn Future<Output = Outcome> + Unpin), reason: &str| {
        let error = within(asked).await.unwrap_err();
        assert_eq!(error.function(), "url");
        let message = error.to_string();
        assert!(message.contains(reason), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    };
    for (url, reason) in [
        ("/a", "absolute"),
        ("ftp://127.0.0.1/", "ftp"),
        ("http://127.0.0.1:65536/", "65536"),
        ("http://127.0.0.1:0/", "0"),
        ("http://256.1.1.1/", "256.1.1.1"),
    ] {
        let uri: Uri = url.parse().unwrap();
        check(&mut Box::pin(client.get(uri)), reason).await;
    }
    for (text, reason) in [
        ("127.0.0.1/", "no scheme"),
        ("http://root:hunter2@a b/", "' ' is not allowed"),
        ("http://root:hunter2@256.1.1.1/", "256.1.1.1"),
    ] {
        check(&mut Box::pin(client.get(text)), reason).await;
    }
}

#[tokio::test]
async fn text_is_sent_as_browsers_send_it_and_a_uri_as_it_stands_but_in_ascii() {
    for (path, by_text, by_uri) in [
        ("/ä?ö", "/%C3%A4?%C3%B6", Some("/%C3%A4?%C3%B6")),
        ("/a/../b/%2e/c", "/b/c", Some("/a/../b/%2e/c")),
        ("/<\\>", "/%3C/%3E", None),
        ("/a b?c d#top", "/a%20b?c%20d", None),
        ("?a", "/?a", Some("/?a")),
    ] {
        let pair = Pair::start().await;
        let text = format!("http://127.0.0.1:{}{path}", pair.server.port());
        let head = head_of(Box::pin(pair.client.get(&text)), &pair).await;
        let line = format!("GET {by_text} HTTP/1.1\r\n");
        assert!(head.starts_with(&line), "{head}");
        let uri: Result<Uri, _> = text.parse();
        assert_eq!(uri.is_ok(), by_uri.is_some(), "{text}");
        if let (Ok(uri), Some(expected)) = (uri, by_uri) {
            let head = head_of(Box::pin(pair.client.get(uri)), &pair).await;
            let line = format!("GET {expected} HTTP/1.1\r\n");
            assert!(head.starts_with(&line), "{head}");
        }
    }
}

#[tokio::test]
async fn a_user_name_and_a_password_are_sent_as_credentials_and_nowhere_else() {
    let pair = Pair::start().await;
    let port = pair.server.port();
    let url = format!("http://me:s%C3%A4cret@127.0.0.1:{port}/");
    let basic = "authorization: Basic bWU6c8OkY3JldA==\r\n";
    let host = format!("host: 127.0.0.1:{port}\r\n");

    let head = head_of(Box::pin(pair.client.get(&url)), &pair).await;
    assert!(head.contains(basic) && head.contains(&host), "{head}");

    let request = Request::get(&url).body(String::new()).unwrap();
    let head = head_of(Box::pin(pair.client.request(request)), &pair).await;
    assert!(head.contains(basic) && head.contains(&host), "{head}");

    let request = Request::get(&url).header("authorization", "Bearer mine");
    let request = request.body(String::new()).unwrap();
    let head = head_of(Box::pin(pair.client.request(request)), &pair).await;
    assert!(head.contains("authorization: Bearer mine\r\n"), "{head}");
    assert!(!head.contains("Basic") && !head.contains('@'), "{head}");
}

/// The head that the server receives; the connection is closed afterwards.
async fn head_of(asked: impl Future<Output = Outcome>, pair: &Pair) -> String {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let serve = async { pair.server.accept().await.serve(answer).await };
    let (response, head) = exchange(asked, serve).await;
    text(response.expect("an answer")).await;
    head
}
