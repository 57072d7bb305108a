//! B1: an attempt without a descriptor waits for one; its request is served unless it times out.

use std::error::Error;
use std::time::Duration;

use keepalive::{ErrorKind, Lease, Manager, Pending, Reason, Request};
use keepalive_testkit::net::again::in_a_process;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{Server, build, echo, error, run, run_on_threads};

/// The number of the system's error, on all systems that run the tests.
const EMFILE: i32 = 24;

/// Runs a test in a child process with 60 descriptors, and passes the port of a server in this one.
/// The limit is per process, and other tests run in this one.
fn with_few_descriptors(test: impl FnOnce(u16)) {
    let wrapper = ["sh", "-c", r#"ulimit -n 60; exec "$0" "$@""#];
    let prepare = || {
        let server = Server::start();
        let port = server.port().to_string();
        (server, port)
    };
    in_a_process(&wrapper, prepare, |port| test(port.parse().unwrap()));
}

/// Runs a test in such a process, with leases of all that its descriptors are enough for.
fn without_descriptors(test: impl AsyncFn(&Manager, u16, Vec<Lease>)) {
    with_few_descriptors(move |port| {
        run(async || {
            let manager = manager();
            let leases = take_all(&manager, port).await;
            test(&manager, port, leases).await;
        });
    });
}

fn request(port: u16) -> Request {
    Request::new("test", "127.0.0.1", port).unwrap()
}

/// Takes connections until there is no descriptor left.
async fn take_all(manager: &Manager, port: u16) -> Vec<Lease> {
    let mut leases = Vec::new();
    let moment = Duration::from_millis(200);
    while let Ok(lease) = timeout(moment, manager.allocate(request(port))).await {
        leases.push(lease.unwrap());
    }
    assert!(leases.len() > 20, "{}", leases.len());
    leases
}

fn partition(port: u16, label: &str) -> Request {
    request(port).partition(label)
}

/// Waits until a request waits for a descriptor.
async fn wants_descriptor(request: &mut Pending) {
    while request.waiting().map(|waiting| waiting.reason()) != Some(Reason::Descriptor) {
        let moment = Duration::from_millis(1);
        let answer = timeout(moment, &mut *request).await;
        assert!(answer.is_err(), "{answer:?}");
    }
}

/// Waits until an attempt without a request has ended.
async fn holds_no_permit(manager: &Manager, leases: &[Lease]) {
    while manager.totals().open > leases.len() {
        tokio::task::yield_now().await;
    }
}

/// A manager whose `max_open` exceeds the descriptors. It stays below the number of requests, since
/// the feature `check` inspects all connections after every input.
fn manager() -> Manager {
    build(|it| it.max_per_host(200).max_open(200))
}

/// Asks for 2,000 connections at once, all of which come.
fn two_thousand(request: fn(u16, usize) -> Request) {
    with_few_descriptors(|port| {
        run_on_threads(Duration::from_secs(60), async || {
            let manager = manager();
            let mut requests = JoinSet::new();
            for number in 0..2_000 {
                let waits = manager.allocate(request(port, number));
                requests.spawn(async move {
                    let mut lease = waits.await.unwrap();
                    echo(&mut lease, "served").await;
                    lease.free();
                });
            }
            requests.join_all().await;
            let totals = manager.totals();
            assert_eq!((totals.failed, totals.timed_out), (0, 0));
        });
    });
}

#[test]
fn two_thousand_requests_with_few_descriptors_are_all_served() {
    two_thousand(|port, _| request(port));
}

#[test]
fn two_thousand_requests_for_many_hosts_with_few_descriptors_are_all_served() {
    // Idle connections of one host hold descriptors that the other hosts need.
    two_thousand(|port, number| partition(port, &format!("{}", number % 400)));
}

#[test]
fn a_request_that_finds_no_descriptor_is_served_when_there_is_one() {
    without_descriptors(async |manager, port, mut leases| {
        let mut waits = manager.allocate(request(port));
        wants_descriptor(&mut waits).await;
        drop(leases.pop());
        let mut lease = waits.await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "there is a descriptor again").await;
        for lease in &mut leases {
            echo(lease, "what was open is still good").await;
        }
    });
}

#[test]
fn a_request_that_finds_no_descriptor_takes_a_freed_connection() {
    without_descriptors(async |manager, port, mut leases| {
        let mut waits = manager.allocate(request(port));
        wants_descriptor(&mut waits).await;
        leases.pop().unwrap().free();
        let lease = waits.await.unwrap();
        assert!(lease.from_cache().is_some());
    });
}

#[test]
fn an_idle_connection_closes_for_an_attempt_without_a_descriptor() {
    without_descriptors(async |manager, port, leases| {
        let idle = leases.len();
        leases.into_iter().for_each(Lease::free);
        assert_eq!(manager.totals().idle, idle);
        let other = partition(port, "other");
        let waits = timeout(Duration::from_secs(2), manager.allocate(other));
        let mut lease = waits.await.expect("nothing else closes").unwrap();
        echo(&mut lease, "of another host").await;
        assert_eq!(manager.totals().evicted, 1, "no more than is needed");
    });
}

#[test]
fn a_timeout_for_want_of_a_descriptor_names_the_limit() {
    without_descriptors(async |manager, port, leases| {
        let time = Duration::from_millis(300);
        let failed = error(manager.allocate(request(port).timeout(time)).await);
        assert_eq!(failed.kind(), ErrorKind::Timeout);
        assert_eq!(failed.function(), "connect");
        assert_eq!(failed.waiting().unwrap().reason(), Reason::Descriptor);
        assert!(failed.timing().connect >= time - Duration::from_millis(50));
        let text = failed.to_string();
        assert!(
            text.contains("no file descriptor is left (raise `ulimit -n`"),
            "{text}"
        );
        assert!(text.contains("(os error 24)"), "{text}");
        let mut cause: Option<&(dyn Error + 'static)> = failed.source();
        let number = loop {
            let error = cause.expect("the system's error is among the causes");
            match error.downcast_ref::<std::io::Error>() {
                Some(error) => break error.raw_os_error(),
                None => cause = error.source(),
            }
        };
        assert_eq!(number, Some(EMFILE));
        holds_no_permit(manager, &leases).await;
    });
}

#[test]
fn a_name_that_cannot_be_looked_up_for_want_of_a_descriptor_is_looked_up_later() {
    without_descriptors(async |manager, port, mut leases| {
        let named = Request::new("test", "localhost", port).unwrap();
        let mut waits = manager.allocate(named);
        wants_descriptor(&mut waits).await;
        leases.truncate(10);
        let mut lease = waits.await.unwrap();
        echo(&mut lease, "the name was found").await;
    });
}

#[test]
fn a_withdrawn_request_without_a_descriptor_leaves_nothing() {
    without_descriptors(async |manager, port, leases| {
        let mut waits = manager.allocate(request(port));
        wants_descriptor(&mut waits).await;
        drop(waits);
        holds_no_permit(manager, &leases).await;
    });
}
