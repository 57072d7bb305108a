//! What a connector is given, and what it gives.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{Request, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use keepalive_http::legacy::connect::{HttpInfo, capture_connection};
use keepalive_http::legacy::{Builder, Client};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tower_service::Service;
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument, Span, info_span};

use crate::support::pipe::Pipes;
use crate::support::{
    Pair, Server, Told, ToldStream, builder, client, eventually, exchange, get, ok, text, within,
};

#[tokio::test]
async fn a_connection_may_be_captured_by_its_request() {
    let Pair { server, client, .. } = Pair::start().await;
    let mut request = get(server.uri("/a"));
    let captured = capture_connection(&mut request);
    assert!(captured.connection_metadata().is_none());
    let (response, _) = exchange(client.request(request), server.serve(ok(""))).await;
    response.unwrap();
    let mut extensions = http::Extensions::new();
    let metadata = captured.connection_metadata();
    metadata.as_ref().unwrap().get_extras(&mut extensions);
    let info: &HttpInfo = extensions.get().unwrap();
    assert_eq!(info.remote_addr().port(), server.port());
}

#[tokio::test]
async fn a_connection_may_be_captured_before_it_is_answered() {
    let Pair { server, client, .. } = Pair::start().await;
    let mut request = get(server.uri("/a"));
    let mut captured = capture_connection(&mut request);
    let ask = client.request(request);
    // The server has not even accepted it.
    tokio::select! {
        _ = ask => panic!("nothing was answered"),
        metadata = within(captured.wait_for_connection_metadata()) => {
            assert!(metadata.is_some());
        }
    }
}

#[tokio::test]
async fn a_request_without_a_connection_captures_none() {
    let client = builder().build_http::<Empty<Bytes>>();
    let mut request = get(Server::start().await.uri("/a"));
    let mut captured = capture_connection(&mut request);
    let error = within(client.request(request)).await.unwrap_err();
    assert!(error.is_connect());
    let metadata = within(captured.wait_for_connection_metadata()).await;
    assert!(metadata.is_none());
}

/// A response whose body never comes.
const UNREAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n";

/// Records the spans in which it is called and its future is polled.
#[derive(Clone, Default)]
struct Listening(Arc<Mutex<Vec<[Option<&'static str>; 2]>>>);

impl Listening {
    fn heard(&self) -> Vec<[Option<&'static str>; 2]> {
        self.0.lock().unwrap().clone()
    }
}

impl Service<Uri> for Listening {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (called, heard) = (span(), Arc::clone(&self.0));
        Box::pin(async move {
            let place = (uri.host().unwrap(), uri.port_u16().unwrap());
            let stream = TcpStream::connect(place).await?;
            heard.lock().unwrap().push([called, span()]);
            Ok(TokioIo::new(stream))
        })
    }
}

fn span() -> Option<&'static str> {
    Span::current().metadata().map(tracing::Metadata::name)
}

/// Enables spans on this thread.
fn tracing() -> DefaultGuard {
    tracing::subscriber::set_default(tracing_subscriber::registry())
}

const BOTH: fn(&'static str) -> [Option<&'static str>; 2] = |name| [Some(name); 2];

/// A server, and a client on a connector that records spans.
async fn listening(builder: &Builder) -> (Server, Listening, Client<Listening, Empty<Bytes>>) {
    let connector = Listening::default();
    let client = builder.build(connector.clone());
    (Server::start().await, connector, client)
}

#[tokio::test]
async fn a_connector_runs_within_the_span_of_its_request() {
    let _tracing = tracing();
    let (server, connector, client) = listening(&builder()).await;
    let ask = || client.request(get(server.uri("/a")));
    let one = ask().instrument(info_span!("one"));
    let (response, _one) = exchange(one, server.serve(UNREAD)).await;
    let two = ask().instrument(info_span!("two"));
    let (_, _two) = exchange(two, server.serve(ok(""))).await;
    assert_eq!(connector.heard(), [BOTH("one"), BOTH("two")]);
    drop(response);
}

#[tokio::test]
async fn a_connector_does_not_run_within_the_span_of_a_request_that_reuses() {
    let _tracing = tracing();
    let (server, connector, client) = listening(&builder()).await;
    let ask = || client.request(get(server.uri("/a")));
    let first = ask().instrument(info_span!("first"));
    let (_, mut peer) = exchange(first, server.serve(ok(""))).await;
    let reuses = tokio::spawn(ask().instrument(info_span!("reuses")));
    peer.request().await;
    let opens = ask().instrument(info_span!("opens"));
    let (_, _second) = exchange(opens, server.serve(ok(""))).await;
    assert_eq!(connector.heard(), [BOTH("first"), BOTH("opens")]);
    peer.send(&ok("")).await;
    within(reuses).await.unwrap().unwrap();
}

/// Room is made by a request that has no span.
#[tokio::test]
async fn a_connector_runs_within_the_span_of_the_oldest_waiting_request() {
    let _tracing = tracing();
    let (server, connector, client) = listening(builder().max_per_host(1)).await;
    let ask = || client.request(get(server.uri("/a")));
    let (response, peer) = exchange(ask(), server.serve(UNREAD)).await;
    let response = response.unwrap();
    assert_eq!(connector.heard(), [[None, None]]);
    let spans = [info_span!("one"), info_span!("two")];
    let asked = spans.map(|span| tokio::spawn(ask().instrument(span)));
    let manager = client.manager().unwrap();
    eventually("both wait", || manager.stats().total.waiting == 2).await;
    let closing = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    drop((response, peer));
    drop(server.serve(closing).await);
    drop(server.serve(closing).await);
    for asked in asked {
        within(asked).await.unwrap().unwrap();
    }
    assert_eq!(connector.heard()[1..], [BOTH("one"), BOTH("two")]);
}

#[tokio::test]
async fn a_proxy_of_a_connector_receives_whole_urls() {
    let server = Server::start().await;
    let client = client(&Told::describing(|connected| connected.proxy(true)));
    let uri = server.uri("/foo/bar?baz");
    let accept = async { server.accept().await.serve(ok("")).await };
    let (response, head) = exchange(client.request(get(uri.clone())), accept).await;
    assert_eq!(response.unwrap().status(), 200);
    let host = uri.authority().unwrap();
    assert_eq!(head, format!("GET {uri} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
}

#[tokio::test]
async fn a_proxy_of_a_connector_receives_the_authority_of_a_tunnel() {
    let server = Server::start().await;
    let uri = server.uri("/useless/path");
    let host = uri.authority().unwrap().to_string();
    for describe in [
        Told::new(),
        Told::describing(|connected| connected.proxy(true)),
    ] {
        let client = client(&describe);
        let accept = async { server.accept().await.serve("HTTP/1.1 200 OK\r\n\r\n").await };
        let request = Request::connect(uri.clone()).body(Empty::<Bytes>::new());
        let (response, head) = exchange(client.request(request.unwrap()), accept).await;
        assert_eq!(response.unwrap().status(), 200);
        let expected = format!("CONNECT {host} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(head, expected);
    }
}

#[tokio::test]
async fn a_connector_receives_urls_of_any_scheme_and_host() {
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

/// Opens connections when the test lets it.
#[derive(Clone)]
struct Gated(Told, Arc<Semaphore>);

impl Service<Uri> for Gated {
    type Response = ToldStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<ToldStream>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (opening, gate) = (self.0.call(uri), Arc::clone(&self.1));
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            opening.await
        })
    }
}

#[tokio::test]
async fn an_attempt_goes_on_without_its_request_and_serves_the_next() {
    let server = Server::start().await;
    let connector = Gated(Told::new(), Arc::new(Semaphore::new(0)));
    let client: Client<Gated, Empty<Bytes>> = builder().build(connector.clone());
    let asked = tokio::spawn(client.request(get(server.uri("/a"))));
    eventually("it is under way", || connector.0.opened() == 1).await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());

    connector.1.add_permits(1);
    let manager = client.manager().unwrap();
    eventually("it is kept", || manager.stats().total.idle == 1).await;
    let next = tokio::spawn(client.request(get(server.uri("/b"))));
    let mut peer = server.serve(ok("hello")).await;
    let response = within(next).await.unwrap().unwrap();
    assert_eq!(text(response).await, "hello");
    assert_eq!(connector.0.opened(), 1);
    drop(client);
    peer.closed().await;
}

#[derive(Clone, Debug, PartialEq)]
struct First(u32);

#[derive(Clone, Debug, PartialEq)]
struct Second(&'static str);

#[tokio::test]
async fn extras_of_a_connector_are_in_every_response_of_its_connection() {
    let connector = Told::describing(|connected| connected.extra(First(1)).extra(Second("two")));
    let pair = Pair::with(&builder(), connector).await;
    let (first, mut peer) = pair.get(ok("")).await;
    let second = pair.get_on(&mut peer, ok("")).await;
    for response in [first.unwrap(), second.unwrap()] {
        assert_eq!(response.extensions().get(), Some(&First(1)));
        assert_eq!(response.extensions().get(), Some(&Second("two")));
    }
}

#[test]
fn a_request_does_nothing_before_its_future_is_polled() {
    let connector = Told::new();
    let client = client(&connector);
    drop(client.request(get("http://h.test/a".parse().unwrap())));
    assert_eq!(connector.opened(), 0);
}
