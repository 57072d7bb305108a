use std::error::Error;
use std::io;

use http::{Request, Version};
use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive::ErrorKind;

use crate::support::pipe::Pipes;
use crate::support::{Server, Told, builder, client, eventually, exchange, get, within};

/// A response whose body stays away.
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
async fn to_hypers_error_where_it_fails_on_a_connection() {
    let server = Server::start().await;
    let client = client(&Told::describing(|connected| connected.proxy(true)));
    let serve = async { drop(server.serve("HTTP/1.1 200 OK\r\n").await) };
    let (response, ()) = exchange(client.request(get(server.uri("/a"))), serve).await;
    let error = response.unwrap_err();
    assert!(hyper_error(&error).is_incomplete_message());
    assert!(error.connect_info().unwrap().is_proxied());
    assert!(!error.is_connect());
    assert_eq!(error.to_string(), "client error (SendRequest)");
}

#[tokio::test]
async fn to_hypers_error_where_a_connection_fails_at_once() {
    let (pipes, _far) = Pipes::reading(Err("a broken pipe"));
    let client = builder().build(pipes);
    let error = within(client.request(get(uri()))).await.unwrap_err();
    assert!(!error.is_connect());
    let cause = hyper_error(&error).source().unwrap();
    let cause: &io::Error = cause.downcast_ref().unwrap();
    assert_eq!(cause.to_string(), "a broken pipe");
}

#[tokio::test]
async fn to_hypers_error_where_a_connection_ends_at_once() {
    let (pipes, _far) = Pipes::reading(Ok(()));
    let client = builder().build(pipes);
    let error = within(client.request(get(uri()))).await.unwrap_err();
    assert!(hyper_error(&error).is_incomplete_message());
}

#[tokio::test]
async fn to_the_connectors_error_where_there_is_no_connection() {
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
}

#[tokio::test]
async fn to_the_managers_error_where_its_limits_are_the_reason() {
    let server = Server::start().await;
    let client = builder().max_per_host(1).max_queued(1).build(Told::new());
    let ask = client.request(get(server.uri("/a")));
    let (response, _peer) = exchange(ask, server.serve(UNREAD)).await;
    let response = response.unwrap();
    let waiting = tokio::spawn(client.request(get(server.uri("/b"))));
    let manager = client.manager().unwrap();
    eventually("it waits", || manager.stats().total.waiting == 1).await;
    let ask = client.request(get(server.uri("/c")));
    let error = within(ask).await.unwrap_err();
    assert!(error.is_connect());
    let cause: &keepalive::AllocateError = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(cause.kind(), ErrorKind::QueueFull);
    waiting.abort();
    drop(response);
}

#[tokio::test]
async fn to_the_setting_that_can_not_work() {
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
async fn a_request_that_can_not_be_sent_says_so() {
    let server = Server::start().await;
    let client = client(&Told::new());
    let refused = async |request: http::request::Builder| {
        let request = request.body(Empty::new()).unwrap();
        within(client.request(request))
            .await
            .unwrap_err()
            .to_string()
    };
    let uri = server.uri("/a");
    let old = Request::get(&uri).version(Version::HTTP_09);
    assert_eq!(refused(old).await, "client error (UserUnsupportedVersion)");
    let old = Request::connect(&uri).version(Version::HTTP_10);
    assert_eq!(
        refused(old).await,
        "client error (UserUnsupportedRequestMethod)"
    );
    let relative = Request::get("/a");
    assert_eq!(
        refused(relative).await,
        "client error (UserAbsoluteUriRequired)"
    );
    let new = Request::get(&uri).version(Version::HTTP_2);
    assert_eq!(refused(new).await, "client error (UserUnsupportedVersion)");
}
