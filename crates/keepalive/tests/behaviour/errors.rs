//! E1, E2: every error of a request names the operation, the host and the failure. It also
//! reports whether a retry may help.

#![cfg(target_os = "linux")]

use std::error::Error;
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use keepalive::{AllocateError, ErrorKind, Manager, Request, ResolveError};

use crate::support::{Names, Refusing, Server, build, error, poll_once, run_on_one_thread};

/// The expected values of an error.
struct Expected {
    kind: ErrorKind,
    function: &'static str,
    number: Option<io::ErrorKind>,
    is_retryable: bool,
    has_source: bool,
}

fn check(error: &AllocateError, request: &Request, expected: &Expected) {
    let Expected {
        kind,
        function,
        number,
        is_retryable,
        has_source,
    } = *expected;
    assert_eq!(
        (error.kind(), error.function()),
        (kind, function),
        "{error}"
    );
    let system = error.error_num().map(io::Error::from_raw_os_error);
    assert_eq!(system.as_ref().map(io::Error::kind), number, "{error}");
    if let Some(system) = system {
        assert!(
            system.to_string().starts_with(&error.error_str()),
            "{error}"
        );
    }
    assert!(!error.error_str().is_empty(), "{error}");
    assert_eq!(error.is_retryable(), is_retryable, "{error}");
    assert_eq!(error.source().is_some(), has_source, "{error}");

    let text = error.to_string();
    let prefix = format!("no connection to {}: ", request.host());
    let said = text.strip_prefix(&prefix).expect(&text);
    let names_failure = said.contains(&error.error_str()) || said.contains("timed out");
    assert!(names_failure, "{text}");
}

#[test]
fn each_kind_of_error_has_function_number_text_and_host() {
    run_on_one_thread(async || {
        let begun = Instant::now();
        let (server, refusing) = (Server::start(), Refusing::new());
        let none = Names::new(|_, _| Err(ResolveError::not_found("no such name")));
        let full = build(|it| it.max_per_host(1).max_queued(1));
        let held = full.allocate(server.request()).await.unwrap();
        let of = |kind, function| Expected {
            kind,
            function,
            number: None,
            is_retryable: false,
            has_source: false,
        };

        let request = server.request().timeout(Duration::from_millis(20));
        let late = error(full.allocate(&request).await);
        let expected = Expected {
            number: Some(io::ErrorKind::TimedOut),
            is_retryable: true,
            ..of(ErrorKind::Timeout, "queue")
        };
        check(&late, &request, &expected);
        let queued = late.timing().queued;
        assert!(queued >= Duration::from_millis(20) && queued <= begun.elapsed());

        let request = server.request();
        let waiting = full.allocate(&request);
        let expected = Expected {
            is_retryable: true,
            ..of(ErrorKind::QueueFull, "queue")
        };
        check(&error(full.allocate(&request).await), &request, &expected);
        full.cancel(waiting.id());
        let expected = of(ErrorKind::Cancelled, "cancel");
        check(&error(waiting.await), &request, &expected);
        drop(full.shutdown());
        let expected = of(ErrorKind::ShutDown, "shutdown");
        check(&error(full.allocate(&request).await), &request, &expected);
        drop(held);

        let refused = Expected {
            number: Some(io::ErrorKind::ConnectionRefused),
            is_retryable: true,
            has_source: true,
            ..of(ErrorKind::Connect, "connect")
        };
        let elsewhere = Ipv4Addr::new(192, 0, 2, 1).into();
        let unbound = Expected {
            number: Some(io::ErrorKind::AddrNotAvailable),
            has_source: true,
            ..of(ErrorKind::Connect, "bind")
        };
        let unknown = Expected {
            has_source: true,
            ..of(ErrorKind::Connect, "resolve")
        };
        let bound = Manager::builder().bind_address(elsewhere).build();
        for (manager, request, expected) in [
            (Manager::new(), refusing.request(), refused),
            (bound.unwrap(), server.request(), unbound),
            (none.manager(), server.request_at("h.test"), unknown),
        ] {
            check(
                &error(manager.allocate(&request).await),
                &request,
                &expected,
            );
        }
    });
}

#[test]
fn an_error_outside_a_runtime_has_function_text_and_host() {
    let request = Request::new("test", "127.0.0.1", 1).expect("a request");
    let manager = Manager::new();
    let Poll::Ready(answer) = poll_once(pin!(manager.allocate(&request))) else {
        panic!("nobody else could answer");
    };
    let expected = Expected {
        kind: ErrorKind::Runtime,
        function: "runtime",
        number: None,
        is_retryable: false,
        has_source: false,
    };
    check(&error(answer), &request, &expected);
}
