//! R7: a posted answer repeats its request exactly as given, and carries the result.

use std::io::ErrorKind::ConnectionRefused;

use crate::support::{Refusing, Server, assert_system_error, echo, run};
use keepalive::{FromCache, Lease, Manager, Request};

#[derive(Debug, PartialEq)]
struct Context {
    number: u32,
}

#[test]
fn an_answer_carries_the_connection_and_all_that_was_given() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let (mailbox, mut responses) = keepalive::mailbox();
        for (number, from_cache) in [(1, None), (2, Some(FromCache::Immediate))] {
            let request = Request::new("Test", "LOCALHOST.", server.port()).unwrap();
            let id = manager
                .allocate_to(&mailbox, request, "connected", Context { number })
                .unwrap();

            let response = responses.recv().await.unwrap();
            assert_eq!((response.id(), response.event()), (id, "connected"));
            assert_eq!(response.scheme(), "Test");
            assert_eq!(response.address(), "LOCALHOST.");
            assert_eq!(response.port(), server.port());
            assert_eq!(response.context(), &Context { number });
            assert_eq!(response.from_cache(), from_cache);
            assert!(response.error().is_none());
            assert_eq!((response.function(), response.error_num()), (None, None));
            assert_eq!(response.error_str(), None);
            assert_eq!(response.connection().map(Lease::id), Some(id));

            let (context, lease) = response.into_parts();
            assert_eq!(context, Context { number });
            let mut lease = lease.unwrap();
            echo(&mut lease, "by post").await;
            lease.free();
        }
    });
}

#[test]
fn an_answer_carries_the_function_that_failed_and_the_system_error() {
    run(async || {
        let refusing = Refusing::new();
        let manager = Manager::new();
        let (mailbox, mut responses) = keepalive::mailbox();
        let request = refusing.request();
        let port = request.port();
        let event = format!("event {port}");
        let id = manager
            .allocate_to(&mailbox, request, event.clone(), Context { number: 3 })
            .unwrap();

        let response = responses.recv().await.unwrap();
        assert_eq!((response.id(), response.event()), (id, event.as_str()));
        assert_eq!(
            (response.scheme(), response.address()),
            ("test", "127.0.0.1")
        );
        assert_eq!((response.port(), response.context().number), (port, 3));
        assert!(response.connection().is_none());
        assert_eq!(response.from_cache(), None);

        let error = response.error().expect("nobody listens");
        assert_system_error(error, "connect", ConnectionRefused);
        assert_eq!(response.function(), Some("connect"));
        assert_eq!(response.error_num(), error.error_num());
        assert_eq!(response.error_str(), Some(error.error_str()));
        assert!(response.into_connection().is_none());
    });
}

#[test]
fn a_mailbox_that_nobody_reads_gives_the_context_back() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let (mailbox, responses) = keepalive::mailbox();
        drop(responses);
        let closed = manager
            .allocate_to(&mailbox, server.request(), "lost", Context { number: 4 })
            .unwrap_err();
        assert_eq!(closed.0, Context { number: 4 });
        assert_eq!(manager.totals().open, 0);
    });
}
