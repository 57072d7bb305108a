//! RFC 9113: requests by HTTP/2, and servers that do not speak it.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::task::{Context, Poll};

use http::Request;
use keepalive::{Attempt, ConnectError, Connection, Connector, Manager, Unusable};
use keepalive_http::Http;
use keepalive_testkit::pipe::Pipe;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::{ask, client, failed};
use crate::support::wire::Wire;
use crate::support::{Server, exchange, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_by_http_2_to_a_server_of_http_1_is_an_error_that_names_the_version() {
    let server = Server::start().await;
    let uri = server.uri("/");
    server.each(|mut peer| async move {
        peer.read(24).await;
        let answer = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        if peer.try_send(answer).await.is_ok() {
            let _closed = peer.into_stream().read_to_end(&mut Vec::new()).await;
        }
    });
    for _ in 0..40 {
        let client = client(2);
        for asked in [(); 8].map(|()| ask(&client, uri.clone())) {
            let error = failed(asked).await;
            let text = error.error_str();
            assert!(text.contains("frame with invalid size"), "{error}");
            let begins = "no HTTP/2, it begins with \"HTTP/1.1 400 Bad\"";
            assert!(text.contains(begins), "{error}");
            assert!(error.is_not_http2());
        }
    }
}

#[tokio::test]
async fn a_server_is_taken_for_one_without_http_2_by_the_bytes_that_it_sends() {
    for (answer, is_not) in [
        ("", false),
        ("\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b", false), // GOAWAY
        ("\0\0\x06\x04\0\0\0\0\0", false),                   // half of SETTINGS
        ("220 mail.test ESMTP\r\n", true),
        ("\x15\x03\x01\0\x02\x02\x46", true), // an alert of TLS
    ] {
        let (server, client) = (Server::start().await, client(1).retries(0));
        let serve = async {
            let mut peer = server.accept().await;
            peer.read(24).await;
            peer.send(answer).await;
            let mut stream = peer.into_stream();
            stream.shutdown().await.unwrap();
            let _closed = stream.read_to_end(&mut Vec::new()).await;
        };
        let asked = client.get(server.uri("/"));
        let (outcome, ()) = exchange(asked, serve).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.is_not_http2(), is_not, "{answer:?}: {error}");
    }
}

/// The peer has closed it, and its task has not reported why: the first bytes read tell.
#[tokio::test]
async fn a_connection_that_ends_as_it_opens_names_a_server_of_http_1() {
    let (wire, _server) = Wire::new();
    let wire = Ending(wire.greeting(b"HTTP/1.1 400 Bad\r\n\r\n".to_vec()));
    let (tell, checked) = oneshot::channel();
    let checks = Checks(Http::over(wire).http2_only(), Mutex::new(Some(tell)));
    let manager = Manager::builder().connector(checks).build().unwrap();
    let request = keepalive::Request::new("http", "shop.test", 80).unwrap();
    let _answer = manager.allocate(request);
    let unusable = within(checked).await.unwrap().unwrap_err();
    let text = ConnectError::from(unusable).to_string();
    assert!(
        text.contains("no HTTP/2, it begins with \"HTTP/1.1"),
        "{text}"
    );
}

/// Checks the first connection as soon as it is open, before its task runs.
struct Checks(
    Http<Ending>,
    Mutex<Option<oneshot::Sender<Result<(), Unusable>>>>,
);

impl Connector for Checks {
    type Connection = <Http<Ending> as Connector>::Connection;

    async fn connect(&self, attempt: &Attempt) -> Result<Self::Connection, ConnectError> {
        let mut opened = self.0.connect(attempt).await?;
        if let Some(tell) = self.1.lock().unwrap().take() {
            let _told = tell.send(opened.check());
        }
        Ok(opened)
    }
}

/// Opens pipes of which each check says that they are closed.
struct Ending(Wire);

impl Connector for Ending {
    type Connection = Ended;

    async fn connect(&self, attempt: &Attempt) -> Result<Ended, ConnectError> {
        self.0.connect(attempt).await.map(Ended)
    }
}

struct Ended(Pipe);

impl Connection for Ended {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Err(Unusable::Closed)
    }
}

keepalive_testkit::forward_io!(Ended, 0);

/// HTTP/2 sends the parts of HTTP/1.1's first line and `host` as pseudo-header fields (RFC 9113,
/// section 8.3.1).
#[tokio::test]
async fn a_url_becomes_the_pseudo_header_fields_of_a_request() {
    let head = asked(|request, server| request.uri(server.uri("/a?b=c"))).await;
    assert_eq!(head.uri.path(), "/a");
    assert_eq!(head.uri.query(), Some("b=c"));
    assert_eq!(head.uri.scheme_str(), Some("http"));
    assert_eq!(head.uri.host(), Some("127.0.0.1"));
    assert!(!head.headers.contains_key("host"));
}

#[tokio::test]
async fn a_host_header_takes_the_place_of_the_host_of_the_url() {
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
