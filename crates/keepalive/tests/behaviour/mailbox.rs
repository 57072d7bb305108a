//! Requests whose answers are posted to a mailbox.

use std::collections::HashSet;
use std::future::poll_fn;
use std::hint::spin_loop;
use std::io::ErrorKind::ConnectionRefused;
use std::pin::pin;
use std::sync::Barrier;

use futures_core::Stream;
use keepalive::{FromCache, Lease, Manager, Request};

use crate::support::{
    LIMIT, Mock, Refusing, Server, assert_system_error, build, echo, host, run, run_on_threads,
};

#[derive(Debug, PartialEq)]
struct Context {
    number: u32,
}

/// R7: a posted answer repeats its request exactly as given, and carries the result.
#[test]
fn a_response_carries_the_connection_and_repeats_its_request() {
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
fn a_response_carries_the_function_and_the_system_error() {
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
fn a_closed_mailbox_gives_the_context_back() {
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

/// R6, R7: answers of a mailbox are received one by one, or taken as a stream.
#[test]
fn the_stream_of_a_mailbox_yields_each_answer_and_ends() {
    run(async || {
        let (server, refusing) = (Server::start(), Refusing::new());
        let manager = Manager::new();
        let (mailbox, responses) = keepalive::mailbox();
        let requests = [server.request(), refusing.request(), server.request()];
        for (number, request) in requests.into_iter().enumerate() {
            let mailbox = mailbox.clone();
            manager
                .allocate_to(&mailbox, request, "answer", number)
                .unwrap();
        }
        drop(mailbox);

        let mut responses = pin!(responses);
        let mut answered = Vec::new();
        while let Some(response) = poll_fn(|cx| responses.as_mut().poll_next(cx)).await {
            assert_eq!(response.connection().is_some(), *response.context() != 1);
            answered.push(*response.context());
        }
        answered.sort_unstable();
        assert_eq!(answered, [0, 1, 2]);
    });
}

/// R4, R5: a request has its id at once and its answer later, even if a connection is idle.
#[test]
fn a_request_has_its_id_before_its_answer() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let mut ids = HashSet::new();

        let first = manager.allocate(server.request());
        ids.insert(first.id());
        let first = first.await.unwrap();
        assert!(ids.contains(&first.id()));
        first.free();

        let hit = manager.allocate(server.request());
        assert!(ids.insert(hit.id()), "ids are unique");
        let hit = hit.await.unwrap();
        assert!(ids.contains(&hit.id()));
        assert_eq!(hit.from_cache(), Some(FromCache::Immediate));
        hit.free();

        let (mailbox, mut responses) = keepalive::mailbox();
        let id = manager
            .allocate_to(&mailbox, server.request(), "hit", ())
            .unwrap();
        assert!(ids.insert(id), "ids are unique");
        assert_eq!(manager.totals().open, 1, "nothing was lost");
        let response = responses.recv().await.unwrap();
        assert_eq!(response.id(), id);
        assert_eq!(response.from_cache(), Some(FromCache::Immediate));
        let mut lease = response.into_connection().unwrap();
        assert_eq!(lease.id(), id);
        echo(&mut lease, "by post").await;
        assert_eq!(server.connections.read().total, 1);
    });
}

#[test]
fn a_posted_answer_that_nobody_takes_keeps_no_permit() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_open(1));
        let (mailbox, responses) = keepalive::mailbox();
        manager
            .allocate_to(&mailbox, server.request(), "unread", ())
            .unwrap();
        server.connections.until(|tally| tally.total == 1).await;
        drop(responses);

        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "the permit is back").await;
    });
}

/// M4, C2: no permit is lost to answers that are posted while their mailbox goes.
#[test]
fn an_answer_posted_by_the_drop_of_responses_is_withdrawn() {
    run(async || {
        let manager = build(|it| it.connector(Mock::new()).max_per_host(1));
        let held = manager.allocate(host(0)).await.unwrap();
        let (mailbox, responses) = manager.mailbox();
        for context in 0..300 {
            manager
                .allocate_to(&mailbox, host(0), "in turn", context)
                .unwrap();
        }
        held.free();
        // The first has its answer. Withdrawn, it makes room for the second, and so on.
        drop(responses);
        let totals = manager.totals();
        assert_eq!((totals.leased, totals.waiting, totals.idle), (0, 0, 1));
    });
}

#[test]
fn answers_posted_during_the_drop_of_responses_are_withdrawn() {
    const HOSTS: usize = 40;
    run_on_threads(LIMIT, async || {
        let manager = build(|it| it.connector(Mock::new()).max_per_host(1));
        for round in 0..80 {
            let mut held = Vec::new();
            let (mailbox, responses) = manager.mailbox();
            for n in 0..HOSTS {
                held.push(manager.allocate(host(n)).await.unwrap());
                let asked = manager.allocate_to(&mailbox, host(n), "race", ());
                asked.unwrap();
            }
            let start = Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    held.into_iter().for_each(Lease::free);
                });
                start.wait();
                // Each round drops at another point of the posting.
                for _ in 0..round * 37 % 4_000 {
                    spin_loop();
                }
                drop(responses);
            });
            assert_eq!(manager.totals().leased, 0, "round {round}");
        }
    });
}
