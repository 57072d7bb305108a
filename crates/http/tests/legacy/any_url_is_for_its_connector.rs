use crate::support::pipe::Pipes;
use crate::support::{builder, exchange, get, ok};

#[tokio::test]
async fn whatever_its_scheme_and_host() {
    for (url, asked, host) in [
        (
            "unix://2f746d702f73:0/a?b",
            "unix://2f746d702f73:0/",
            "2f746d702f73:0",
        ),
        ("http://h.test./a?b", "http://h.test./", "h.test."),
        (
            "https://h.test:444/a?b",
            "https://h.test:444/",
            "h.test:444",
        ),
        ("https://name:word@h.test/a?b", "https://h.test/", "h.test"),
        ("http://[::1]:80/a?b", "http://[::1]/", "[::1]"),
    ] {
        let (pipes, mut far) = Pipes::new();
        let client = builder().build(pipes);
        let serve = async {
            let (uri, mut far) = far.recv().await.unwrap();
            (uri, far.serve(ok("")).await)
        };
        let ask = client.request(get(url.parse().unwrap()));
        let (response, (uri, head)) = exchange(ask, serve).await;
        assert_eq!(response.unwrap().status(), 200, "{url}");
        assert_eq!(uri, asked, "{url}");
        assert_eq!(
            head,
            format!("GET /a?b HTTP/1.1\r\nhost: {host}\r\n\r\n"),
            "{url}"
        );
    }
}
