//! Resolvers that fail, panic or never answer.

use std::io;
use std::io::ErrorKind::TimedOut;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use keepalive::{
    Addresses, ErrorKind, Families, Manager, NetConnector, Phase, Reason, Resolve, ResolveError,
    errno,
};
#[cfg(target_os = "linux")]
use tokio::runtime::Handle;

#[cfg(target_os = "linux")]
use crate::support::descriptors_to;
use crate::support::{
    Names, Probe, Refusing, Server, assert_system_error, build, error, eventually, found, run,
};

#[cfg(target_os = "linux")]
type Answer = fn(&str, Families) -> Result<Addresses, ResolveError>;

#[cfg(target_os = "linux")]
/// The faults, and the function that each error names.
const FAULTS: [(&str, Answer, &str); 7] = [
    (
        "there is no such name",
        |_, _| Err(ResolveError::not_found("no such name")),
        "resolve",
    ),
    (
        "the server fails",
        |_, _| Err(ResolveError::new("SERVFAIL")),
        "resolve",
    ),
    (
        "the network fails",
        |_, _| Err(io::Error::from_raw_os_error(errno::ENETUNREACH).into()),
        "resolve",
    ),
    ("no addresses are found", |_, _| found(&[]), "resolve"),
    (
        "addresses of the other family are found",
        |_, _| found(&["::1"]),
        "resolve",
    ),
    (
        "the resolver panics",
        |_, _| panic!("on purpose"),
        "resolve",
    ),
    (
        "a thousand addresses are found, and all refuse",
        |_, _| {
            Ok((0..1000_u32)
                .map(|n| [127, 1, (n >> 8) as u8, n as u8].into())
                .collect())
        },
        "connect",
    ),
];

#[cfg(target_os = "linux")]
const REQUESTS: usize = 20;

#[cfg(target_os = "linux")]
/// Runs a test on each kind of runtime, and waits for the end of its tasks.
fn run_counting_tasks(test: impl AsyncFn()) {
    run(async || {
        test().await;
        let tasks = || Handle::current().metrics().num_alive_tasks();
        eventually("without tasks", || tasks() == 0).await;
    });
}

#[cfg(target_os = "linux")]
/// A manager with room for one connection, which asks `names` for IPv4 alone.
fn one_slot(names: &Names) -> Manager {
    let net = names.net().families(Families::V4);
    build(|it| it.connector(net).max_per_host(1).max_open(1))
}

/// L6, E1, T2: each fault of a resolver gives every request an error in time, and leaves no task
/// and no descriptor. A request after the fault is served.
#[cfg(target_os = "linux")]
#[test]
fn each_fault_of_a_resolver_is_an_error_and_leaves_nothing() {
    run_counting_tasks(async || {
        for (fault, answer, function) in FAULTS {
            let (names, nobody) = (Names::new(answer), Refusing::new());
            let manager = one_slot(&names);
            let port = nobody.request().host().port();
            let held = descriptors_to(port);
            let request = |n: usize| {
                let name = format!("name{}.test", n % 3);
                keepalive::Request::new("test", name, port).expect("a request")
            };
            let pending: Vec<_> = (0..REQUESTS)
                .map(|n| manager.allocate(request(n)))
                .collect();
            for pending in pending {
                let failed = error(pending.await);
                assert_eq!(failed.kind(), ErrorKind::Connect, "{fault}: {failed}");
                assert_eq!(failed.function(), function, "{fault}: {failed}");
            }
            let totals = manager.totals();
            assert_eq!((totals.open, totals.waiting), (0, 0), "{fault}");
            assert_eq!(descriptors_to(port), held, "{fault}");

            let server = Server::start();
            names.say(|_, _| found(&["127.0.0.1"]));
            let well = manager.allocate(server.request_at("other.test")).await;
            well.expect(fault).close();
            manager.shutdown().await;
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_resolver_that_answers_too_late_is_not_waited_for() {
    run_counting_tasks(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]).closed());
        let manager = one_slot(&names);
        let late = |n: usize| {
            let request = server.request_at(format!("late{n}.test"));
            manager.allocate(request.timeout(Duration::from_millis(30)))
        };
        let pending: Vec<_> = (0..REQUESTS).map(late).collect();
        for pending in pending {
            let failed = error(pending.await);
            assert_eq!(failed.kind(), ErrorKind::Timeout, "{failed}");
        }
        names.lookups.until(|tally| tally.now == 0).await;
        names.pass(REQUESTS);
        let well = manager.allocate(server.request_at("other.test")).await;
        well.expect("it answers now").close();
        server.closed(1).await;
        manager.shutdown().await;
        assert_eq!(manager.totals().open, 0);
    });
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    Asked,
    Polled,
    Dropped,
}

struct Panics(When);

struct Lookup(When);

impl Resolve for Panics {
    fn lookup(
        &self,
        _: &str,
        _: Families,
    ) -> impl Future<Output = Result<Addresses, ResolveError>> + Send {
        assert!(self.0 != When::Asked, "on purpose");
        Lookup(self.0)
    }
}

impl Future for Lookup {
    type Output = Result<Addresses, ResolveError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(self.0 != When::Polled, "on purpose");
        Poll::Ready(Err(ResolveError::new("an error as well")))
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        assert!(self.0 != When::Dropped, "on purpose");
    }
}

/// E3: a panic of a resolver is an error of its lookup.
#[test]
fn a_panic_of_a_resolver_is_an_error_of_resolve() {
    run(async || {
        for (when, text) in [
            (When::Asked, "the resolver panicked"),
            (When::Polled, "the resolver panicked"),
            (When::Dropped, "an error as well"),
        ] {
            let net = NetConnector::new().resolver(Panics(when)).max_lookups(1);
            let manager = build(|it| it.connector(net));
            let request = Server::start().request_at("example.test");
            for _ in 0..3 {
                let failed = error(manager.allocate(request.clone()).await);
                assert_eq!(failed.function(), "resolve");
                assert_eq!(failed.error_str(), text);
            }
            assert_eq!(manager.totals().open, 0);
        }
    });
}

/// T1, T2: a resolver that never answers makes its request time out, and delays no other.
#[test]
fn a_timeout_in_a_lookup_names_the_phase_and_frees_the_permit() {
    run(async || {
        let (server, probe) = (Server::start(), Probe::closed_in(Phase::Resolve));
        let manager = build(|it| it.connector(probe.clone()).max_open(1));
        let request = server.request_at("localhost");
        let late = manager.allocate(request.timeout(Duration::from_millis(30)));
        let late = error(late.await);
        assert_eq!(late.kind(), ErrorKind::Timeout);
        assert_system_error(&late, "resolve", TimedOut);
        assert_eq!(late.waiting().unwrap().reason(), Reason::Resolving);
        assert!(late.timing().resolve > Duration::ZERO);

        eventually("free", || manager.totals().open == 0).await;
        assert_eq!(probe.attempts.read().now, 0, "it is withdrawn");
        probe.pass(1);
        manager.allocate(server.request()).await.unwrap().free();
    });
}

#[test]
fn a_lookup_that_timed_out_holds_up_no_other_lookup() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]).closed());
        let net = names.net().max_lookups(1);
        let manager = build(|it| it.connector(net));
        let request = |name: &str| server.request_at(name);
        let late = manager.allocate(request("slow.test").timeout(Duration::from_millis(30)));
        assert_system_error(&error(late.await), "resolve", TimedOut);
        names.lookups.until(|tally| tally.now == 0).await;
        names.pass(1);
        manager
            .allocate(request("example.test"))
            .await
            .unwrap()
            .close();
    });
}
