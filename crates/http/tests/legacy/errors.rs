//! Errors lead to their cause.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use http::{Request, Version};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use keepalive::ErrorKind;
use keepalive_http::legacy::Client;
use keepalive_http::legacy::connect::Connect;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tower::service_fn;

use crate::support::pipe::Pipes;
use crate::support::{Pair, Server, Told, builder, client, exchange, get, within};

/// A response whose body never comes.
const UNREAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n";

fn uri() -> http::Uri {
    "http://h.test/".parse().unwrap()
}

fn hyper_error(error: &keepalive_http::legacy::Error) -> &hyper::Error {
    error
        .source()
        .and_then(<dyn Error>::downcast_ref)
        .expect("hyper's own error")
}

#[tokio::test]
async fn an_error_on_a_connection_leads_to_hypers_error() {
    let connector = Told::describing(|connected| connected.proxy(true));
    let pair = Pair::with(&builder(), connector).await;
    let serve = async { drop(pair.server.serve("HTTP/1.1 200 OK\r\n").await) };
    let (response, ()) = exchange(pair.ask(), serve).await;
    let error = response.unwrap_err();
    assert!(hyper_error(&error).is_incomplete_message());
    assert!(error.connect_info().unwrap().is_proxied());
    assert!(!error.is_connect());
    assert_eq!(error.to_string(), "client error (SendRequest)");
}

#[tokio::test]
async fn a_connection_that_fails_or_ends_at_once_leads_to_hypers_error() {
    for outcome in [Err("a broken pipe"), Ok(())] {
        let (pipes, _far) = Pipes::reading(outcome);
        let client = builder().build(pipes);
        let error = within(client.request(get(uri()))).await.unwrap_err();
        assert!(!error.is_connect());
        let error = hyper_error(&error);
        let cause = error.source().map(ToString::to_string);
        assert_eq!(cause.as_deref(), outcome.err());
        assert_eq!(error.is_incomplete_message(), outcome.is_ok());
    }
}

#[tokio::test]
async fn a_shared_connection_that_fails_at_once_leads_all_to_hypers_error() {
    let (pipes, _far) = Pipes::reading(Err("a broken pipe"));
    let client = builder().http2_only(true).build(pipes);
    everybody_hears(&client, &uri(), "a broken pipe").await;
}

/// hyper reports the error to requests that it has; other requests find the connection closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_connection_that_fails_later_leads_all_to_hypers_error() {
    let server = Server::start().await;
    let uri = server.uri("/");
    server.each(|mut peer| async move {
        peer.read(24).await;
        if peer.try_send(&"H".repeat(64)).await.is_ok() {
            let _closed = peer.into_stream().read_to_end(&mut Vec::new()).await;
        }
    });
    for _ in 0..40 {
        let client = builder().http2_only(true).build(Told::new());
        everybody_hears(&client, &uri, "FRAME_SIZE_ERROR").await;
    }
}

async fn everybody_hears<C>(client: &Client<C, Empty<Bytes>>, uri: &http::Uri, what: &str)
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let asked: Vec<_> = (0..8)
        .map(|_| tokio::spawn(client.request(get(uri.clone()))))
        .collect();
    for asked in asked {
        let error = within(asked).await.unwrap().unwrap_err();
        let said = format!("{:?}", hyper_error(&error));
        assert!(said.contains(what), "{said}");
    }
}

#[tokio::test]
async fn an_attempt_that_fails_leads_to_the_connectors_error() {
    let server = Server::start().await;
    let uri = server.uri("/a");
    drop(server);
    let error = within(client(&Told::new()).request(get(uri)))
        .await
        .unwrap_err();
    assert!(error.is_connect() && error.connect_info().is_none());
    let cause: &io::Error = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(error.allocate().unwrap().error_num(), cause.raw_os_error());
    assert_eq!(error.to_string(), "client error (Connect)");
    assert_eq!(
        format!("{error:?}"),
        format!("keepalive_http::legacy::Error(Connect, {cause:?})")
    );
}

#[tokio::test]
async fn a_full_queue_leads_to_the_managers_error() {
    let pair = Pair::of(builder().max_per_host(1).max_queued(1)).await;
    let (response, _peer) = pair.get(UNREAD).await;
    let response = response.unwrap();
    let waiting = tokio::spawn(pair.ask());
    pair.until("it waits", |total| total.waiting == 1).await;
    let error = within(pair.ask()).await.unwrap_err();
    assert!(error.is_connect());
    let cause: &keepalive::AllocateError = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(cause.kind(), ErrorKind::QueueFull);
    assert_eq!(
        format!("{error:?}"),
        format!("keepalive_http::legacy::Error(Connect, {cause})")
    );
    waiting.abort();
    drop(response);
}

#[tokio::test]
async fn an_impossible_setting_leads_to_an_error_that_names_it() {
    let mut builder = builder();
    builder.max_per_host(0);
    let client = builder.build(Told::new());
    let error = within(client.request(get("http://h.test".parse().unwrap())))
        .await
        .unwrap_err();
    let said = "max_per_host is 0, but must be at least 1";
    assert_eq!(error.source().unwrap().to_string(), said);
    let refused = builder.try_build::<_, Empty<Bytes>>(Told::new());
    assert_eq!(refused.unwrap_err().to_string(), said);
}

#[tokio::test]
async fn a_request_that_can_not_be_sent_is_an_error_of_the_user() {
    let pair = Pair::start().await;
    let uri = pair.server.uri("/a");
    for (request, version, kind) in [
        (
            Request::get(&uri),
            Version::HTTP_09,
            "UserUnsupportedVersion",
        ),
        (
            Request::connect(&uri),
            Version::HTTP_10,
            "UserUnsupportedRequestMethod",
        ),
        (
            Request::get("/a"),
            Version::HTTP_11,
            "UserAbsoluteUriRequired",
        ),
        (
            Request::get(&uri),
            Version::HTTP_2,
            "UserUnsupportedVersion",
        ),
    ] {
        let request = request.version(version).body(Empty::new()).unwrap();
        let error = within(pair.client.request(request)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("client error ({kind})"));
    }
}

#[tokio::test]
async fn a_panic_of_a_connector_leads_to_an_error_that_names_it() {
    let connector = service_fn(|_: http::Uri| {
        poll_fn(|_| -> Poll<io::Result<TokioIo<TcpStream>>> { panic!("a bug of the connector's") })
    });
    let client = builder().build(connector);
    let error = within(client.request(get(uri()))).await.unwrap_err();
    assert!(error.is_connect());
    assert_eq!(
        error.source().unwrap().to_string(),
        "the connector panicked"
    );
}
