//! M4: a runtime may be alive and not driven, or end, while users of another one make requests.
//! The manager's tasks run on a thread of its own then.

#![allow(
    clippy::async_yields_async,
    reason = "a request of one runtime is awaited in another"
)]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use keepalive::{ErrorKind, Manager};
use keepalive_testkit::net::again::in_a_process;
use keepalive_testkit::wait::holds_within;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::support::{
    Mock, Names, Server, build, echo, error, eventually, host, on_one_thread, run,
};

const MOMENT: Duration = Duration::from_secs(1);

fn on_threads() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// Runs a test with each kind of first runtime and each kind of second. A first runtime without
/// threads is not driven meanwhile.
fn beside_another(
    first: &impl AsyncFn(&Manager, &Server),
    then: &(impl AsyncFn(&Manager, &Server) + Sync),
) {
    for runtime in [on_one_thread, on_threads] {
        let (server, manager, runtime) = (Server::start(), Manager::new(), runtime());
        runtime.block_on(first(&manager, &server));
        // A thread of its own, since a runtime cannot be driven within another.
        std::thread::scope(|scope| {
            let second = || run(async || timeout(MOMENT, then(&manager, &server)).await.unwrap());
            scope.spawn(second).join().unwrap();
        });
        runtime.shutdown_background();
    }
}

async fn use_and_free(manager: &Manager, server: &Server) {
    let mut lease = manager.lease(&server.request()).await.unwrap();
    echo(&mut lease, "first").await;
    lease.free();
}

#[test]
fn another_host_is_reached_beside_an_idle_runtime() {
    beside_another(&use_and_free, &async |manager, _| {
        let other = Server::start();
        let mut lease = manager.lease(&other.request()).await.unwrap();
        echo(&mut lease, "of another host").await;
    });
}

#[test]
fn the_same_host_is_reached_beside_an_idle_runtime() {
    beside_another(&use_and_free, &async |manager, server| {
        use_and_free(manager, server).await;
        let mut lease = manager.lease(&server.request()).await.unwrap();
        assert!(lease.from_cache().is_some());
        echo(&mut lease, "again").await;
        assert_eq!(
            manager.totals().open,
            1,
            "what was idle elsewhere is closed"
        );
    });
}

#[test]
fn a_waiter_times_out_beside_an_idle_runtime() {
    beside_another(&use_and_free, &async |manager, server| {
        let leases = [(); 4].map(|()| manager.allocate(server.request()));
        let time = Duration::from_millis(50);
        let waits = manager.allocate(server.request().timeout(time)).await;
        assert_eq!(error(waits).kind(), ErrorKind::Timeout);
        drop(leases);
    });
}

#[test]
fn an_attempt_of_an_idle_runtime_begins_again_within_the_limits() {
    let stuck = Arc::new(AtomicBool::new(true));
    let mock = Mock::stuck_while(&stuck);
    let manager = build(|it| it.connector(mock.clone()).max_per_host(2));
    let first = on_one_thread();
    let pending = first.block_on(async {
        let pending = manager.allocate(host(0));
        mock.attempts.until(|tally| tally.now == 1).await;
        pending
    });
    stuck.store(false, SeqCst);
    on_one_thread().block_on(async {
        let lease = timeout(MOMENT, manager.allocate(host(0))).await;
        lease.expect("it is opened here").unwrap().free();
        let tally = mock.attempts.read();
        assert_eq!((tally.now, tally.highest <= 2), (0, true), "{tally:?}");
        // The first runtime's connection was opened, too, and waits to be taken.
        assert!(pending.waiting().is_none());
        assert_eq!(manager.totals().open, 2);
    });
    first.block_on(pending).unwrap().free();
}

#[test]
fn a_lease_of_the_first_runtime_closes_when_it_comes_back() {
    let (server, manager, first) = (Server::start(), Manager::new(), on_one_thread());
    let mut lease = first.block_on(manager.lease(&server.request())).unwrap();
    on_one_thread().block_on(async {
        let mut second = manager.lease(&server.request()).await.unwrap();
        echo(&mut second, "beside").await;
        second.free();
    });
    first.block_on(async {
        echo(&mut lease, "it is still good").await;
        lease.free();
        eventually("closed", || manager.totals().open == 1).await;
    });
}

#[test]
fn a_waiter_of_the_second_runtime_is_served_after_the_first_ends() {
    for first in [on_one_thread, on_threads] {
        let first = first();
        let server = Server::start();
        let manager = build(|it| it.max_per_host(1));
        let held = first.block_on(manager.lease(&server.request())).unwrap();
        on_one_thread().block_on(async {
            let waits = manager.allocate(server.request());
            tokio::task::yield_now().await;
            first.shutdown_background();
            drop(held);
            let lease = timeout(MOMENT, waits).await.expect("it has a home");
            echo(&mut lease.unwrap(), "on and on").await;
        });
    }
}

/// N1: a request in another runtime has a lookup of its own.
#[test]
fn a_lookup_of_an_idle_runtime_begins_again() {
    for names in [
        Names::at(&["127.0.0.1"]),
        Names::at(&["127.0.0.1"]).unstoppable(),
    ] {
        let (server, names) = (Server::start(), names.closed());
        let (manager, first) = (names.manager(), on_one_thread());
        let request = || server.request_at("example.test");
        let _waits = first.block_on(async {
            let waits = manager.allocate(request());
            names.lookups.until(|tally| tally.now == 1).await;
            waits
        });
        names.pass(2);
        on_one_thread().block_on(async {
            let lease = timeout(MOMENT, manager.allocate(request())).await;
            echo(&mut lease.expect("it is looked up here").unwrap(), "found").await;
        });
        assert_eq!(names.asked().len(), 2);
    }
}

#[test]
fn the_managers_thread_ends_with_the_manager() {
    let nothing = || ((), String::new());
    in_a_process(&["env"], nothing, |_| {
        let (first, second) = (on_one_thread(), on_one_thread());
        let server = Server::start();
        let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let threads = || {
            let tasks = std::fs::read_dir("/proc/self/task").unwrap();
            let names =
                tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
            names
                .filter(|name| name.as_ref().is_ok_and(|name| name == "keepalive\n"))
                .count()
        };
        let before = descriptors();
        for _ in 0..3 {
            let manager = Manager::new();
            first.block_on(use_and_free(&manager, &server));
            second.block_on(use_and_free(&manager, &server));
            assert_eq!(threads(), 1);
            drop(manager);
            second.block_on(async {
                assert!(holds_within(MOMENT, || threads() == 0).await);
                assert!(holds_within(MOMENT, || descriptors() == before).await);
            });
        }
    });
}
