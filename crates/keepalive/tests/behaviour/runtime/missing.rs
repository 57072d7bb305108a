//! M4: threads without a runtime, and runtimes without timers.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use keepalive::{AllocateError, ErrorKind, Lease, Manager, Request};
use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

use crate::support::{Mock, Server, build, echo, error, on_one_thread, poll_once, run};

fn request() -> Request {
    Request::new("test", "127.0.0.1", 1).expect("a request")
}

/// M4: a manager may be built anywhere; outside of a runtime its answers are errors, not panics.
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
    let manager = build(|it| it.max_open(1));
    drop(manager.allocate(request()));
    run(async || {
        let server = Server::start();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "inside").await;
    });
}

/// M4: a runtime without timers is a clear error, and the manager does not keep it.
#[test]
fn a_runtime_without_timers_is_named_and_the_next_one_serves() {
    let (server, manager) = (Server::start(), Manager::new());
    let without = Builder::new_current_thread().enable_io().build().unwrap();
    let refused = error(without.block_on(async { manager.allocate(server.request()).await }));
    assert_eq!(refused.kind(), ErrorKind::Runtime);
    assert_eq!(refused.function(), "runtime");
    assert!(refused.to_string().contains("timers"), "{refused}");

    let with = on_one_thread();
    with.block_on(async {
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "in time").await;
    });
}

fn elsewhere(give_back: fn(Lease<Mock>)) {
    run(async || {
        let opened_on = Arc::new(Mutex::new(None));
        let mock = Mock::new().connect({
            let opened_on = Arc::clone(&opened_on);
            move |attempt| {
                let is_slow = attempt.host().scheme() == "slow";
                let opened_on = Arc::clone(&opened_on);
                async move {
                    if is_slow {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    *opened_on.lock().expect("no panic") = Some(Handle::current().id());
                    Ok(())
                }
            }
        });
        let manager = build(|it| it.connector(mock).max_open(1));
        let request = |scheme| Request::new(scheme, "127.0.0.1", 1).expect("a request");
        for scheme in ["quick", "slow"] {
            let lease = manager
                .allocate(request("first"))
                .await
                .expect("a connection");
            let waiting = manager.allocate(request(scheme));
            let thread = thread::spawn(move || {
                assert!(Handle::try_current().is_err());
                give_back(lease);
            });
            thread.join().expect("it is given back");
            let lease = timeout(Duration::from_secs(20), waiting)
                .await
                .expect("in time");
            let lease = lease.expect("a connection");
            let opened_on = *opened_on.lock().expect("no panic");
            assert_eq!(opened_on, Some(Handle::current().id()));
            lease.close();
        }
    });
}

/// A lease that is given back where there is no runtime lets the manager's own open the next.
#[test]
fn a_lease_freed_outside_a_runtime_opens_the_next() {
    elsewhere(Lease::free);
}

#[test]
fn a_lease_dropped_outside_a_runtime_opens_the_next() {
    elsewhere(drop);
}

#[test]
fn a_lease_dropped_by_a_panic_outside_a_runtime_opens_the_next() {
    elsewhere(|lease| {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _lease = lease;
            panic!("as planned");
        }));
        assert!(panicked.is_err());
    });
}
