//! M4: a manager may be built anywhere; outside of a runtime its answers are errors, not panics.

use std::pin::pin;
use std::task::Poll;

use crate::support::{Server, echo, error, poll_once, run};
use keepalive::{AllocateError, ErrorKind, Manager, Request};

fn request() -> Request {
    Request::new("test", "127.0.0.1", 1).expect("a request")
}

#[test]
fn a_request_without_a_runtime_is_answered_with_an_error() {
    let manager = Manager::new();
    let mut pending = pin!(manager.allocate(request()));
    let Poll::Ready(answer) = poll_once(pending.as_mut()) else {
        panic!("nobody else could answer");
    };
    let error = error(answer);
    assert_eq!(error.kind(), ErrorKind::Runtime);
    assert_eq!(error.function(), "runtime");
    assert_eq!(manager.totals().open, 0);
}

#[test]
fn a_posted_request_without_a_runtime_is_answered_with_an_error() {
    let manager = Manager::new();
    let (mailbox, mut responses) = keepalive::mailbox();
    let id = manager
        .allocate_to(&mailbox, request(), "no runtime", ())
        .unwrap();
    let Poll::Ready(Some(response)) = poll_once(pin!(responses.recv())) else {
        panic!("nobody else could answer");
    };
    assert_eq!(response.id(), id);
    let kind = response.error().map(AllocateError::kind);
    assert_eq!(kind, Some(ErrorKind::Runtime));
}

#[test]
fn a_manager_built_and_tried_outside_a_runtime_works_inside() {
    let manager = Manager::builder().max_open(1).build().unwrap();
    drop(manager.allocate(request()));
    run(async || {
        let server = Server::start();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "inside").await;
    });
}
