//! What the server sees of a URL, and which URLs it never sees.

use crate::support::{Server, client, exchange, ok, text, within};
use http::{Request, Uri};

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
        ("http://root:hunter2@127.0.0.1/", "password"),
        ("http://127.0.0.1:65536/", "65536"),
        ("http://127.0.0.1:0/", "0"),
        ("http://256.1.1.1/", "256.1.1.1"),
    ] {
        let uri: Uri = url.parse().unwrap();
        let error = within(client.get(uri)).await.unwrap_err();
        assert_eq!(error.function(), "url");
        let message = error.to_string();
        assert!(message.contains(said), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}
