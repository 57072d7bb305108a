//! Limits per host, in total, and on attempts at once.

use std::collections::HashSet;
use std::io::ErrorKind::ConnectionRefused;
use std::net::Ipv4Addr;
use std::time::Duration;

use keepalive::{ErrorKind, FromCache, Manager, Pending, Reason, Request};
use tokio::task::JoinSet;

use crate::support::{
    Mock, Probe, Refusing, Server, assert_system_error, build, echo, error, eventually, host,
    poll_once, run, run_on_one_thread, run_on_threads,
};

/// L1, L4, L6: with `max_open` 1 one permit serves two hosts, and a failure returns it.
#[test]
fn one_permit_is_passed_on_cached_evicted_and_given_back_by_a_failure() {
    run(async || {
        let (server, refusing) = (Server::start(), Refusing::new());
        let manager = build(|it| it.max_open(1));

        let first = manager.allocate(server.request());
        let second = manager.allocate(server.request());
        let mut first = first.await.unwrap();
        assert_eq!(first.from_cache(), None);
        echo(&mut first, "first").await;
        assert_eq!(manager.totals().waiting, 1);
        first.free();
        let mut second = second.await.unwrap();
        assert_eq!(second.from_cache(), Some(FromCache::Deferred));
        echo(&mut second, "second").await;
        second.free();

        let third = manager.allocate(server.request()).await.unwrap();
        assert_eq!(third.from_cache(), Some(FromCache::Immediate));
        third.free();

        let refused = error(manager.allocate(refusing.request()).await);
        assert_eq!(refused.kind(), ErrorKind::Connect);
        assert_system_error(&refused, "connect", ConnectionRefused);
        server.closed(1).await;
        let stats = manager.stats();
        assert_eq!((stats.total.evicted, stats.total.failed), (1, 1));

        eventually("free", || manager.totals().open == 0).await;
        let mut again = manager.allocate(server.request()).await.unwrap();
        echo(&mut again, "the permit is back").await;
    });
}

/// B2: `max_per_host_of` is one host's limit, in place of `max_per_host`.
#[test]
fn max_per_host_of_holds_for_its_host_alone() {
    run(async || {
        let (shy, other) = (Server::start(), Server::start());
        let manager = build(|it| it.max_per_host(2).max_per_host_of(shy.request().host(), 1));
        let first = manager.allocate(shy.request()).await.unwrap();
        let mut second = Box::pin(manager.allocate(shy.request()));
        assert!(poll_once(second.as_mut()).is_pending());
        let reason = second.waiting().map(|waiting| waiting.reason());
        assert_eq!(reason, Some(Reason::HostLimit { in_use: 1, max: 1 }));
        let _two = (
            manager.allocate(other.request()).await.unwrap(),
            manager.allocate(other.request()).await.unwrap(),
        );
        first.free();
        second.await.unwrap().free();
    });
}

#[test]
fn max_per_host_of_a_partition_is_its_own() {
    run(async || {
        let server = Server::start();
        let apart = || server.request().partition("apart");
        let manager = build(|it| it.max_per_host_of(apart().host(), 1));
        let _held = manager.allocate(apart()).await.unwrap();
        let _first = manager.allocate(server.request()).await.unwrap();
        let _second = manager.allocate(server.request()).await.unwrap();
    });
}

#[test]
fn max_per_host_of_zero_is_refused() {
    let request = Request::new("http", "127.0.0.1", 80).unwrap();
    let builder = Manager::builder().max_per_host_of(request.host(), 0);
    let error = builder.build().unwrap_err().to_string();
    assert_eq!(error, "max_per_host_of is 0, but must be at least 1");
}

fn reason(pending: &Pending<Mock>) -> Reason {
    pending.waiting().expect("it waits").reason()
}

/// L7: a withdrawn attempt counts against `max_connecting` until it has ended.
#[test]
fn a_withdrawn_attempt_counts_until_its_task_has_ended() {
    run_on_one_thread(async || {
        let mock = Mock::stuck();
        let manager = build(|it| it.connector(mock.clone()).max_connecting(1));
        let withdrawn = manager.allocate(host(0));
        mock.attempts.until(|tally| tally.now == 1).await;
        let next = manager.allocate(host(1));
        drop(withdrawn);

        // Its task has not been stopped yet.
        assert_eq!(mock.attempts.read().now, 1);
        let limit = Reason::ConnectLimit {
            connecting: 1,
            max: 1,
        };
        assert_eq!(reason(&next), limit);
        let totals = manager.totals();
        assert_eq!((totals.connecting, totals.closing), (0, 1));

        mock.attempts.until(|tally| tally.total == 2).await;
        assert_eq!(mock.attempts.read().highest, 1);
        assert_eq!(reason(&next), Reason::Resolving);
    });
}

#[cfg(target_os = "linux")]
const REQUESTS: u64 = 10_000;

#[cfg(target_os = "linux")]
const MAX_OPEN: usize = 128;

/// L1, L2, L4, R6: many requests over many hosts through few connections; nothing is lost.
#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_requests_to_a_thousand_hosts_are_all_served_over_128_connections() {
    run_on_threads(Duration::from_secs(60), async || {
        // Each address of the loopback network is a host of its own.
        let server = Server::on((Ipv4Addr::UNSPECIFIED, 0).into());
        let probe = Probe::open();
        let manager = build(|it| it.connector(probe.clone()).max_open(MAX_OPEN));

        let mut tasks = JoinSet::new();
        for number in 0..REQUESTS {
            let host = number % 1000;
            let address = Ipv4Addr::new(127, 0, (host / 250) as u8, (host % 250) as u8 + 1);
            let pending = manager.allocate(server.request_at(address));
            tasks.spawn(async move {
                let mut lease = pending.await.unwrap();
                echo(&mut lease.stream, &format!("request {number}")).await;
                lease.free();
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }

        assert_eq!(probe.open.read().highest, MAX_OPEN);
        let totals = manager.totals();
        // A request may be served by a connection that comes back, before its own attempt ends
        // (L5). What the attempt opens then may be evicted without a use.
        let served = totals.opened + totals.reused_immediate + totals.reused_deferred;
        let unused = served.saturating_sub(REQUESTS);
        assert!(served >= REQUESTS && unused <= totals.evicted, "{totals:?}");
        assert_eq!((totals.waiting, totals.leased), (0, 0));
        assert_eq!(manager.shutdown().await, 0);
        assert_eq!(probe.open.read().now, 0);
        eventually("closed", || server.connections.read().now == 0).await;
    });
}

/// M3, R5: each manager has its own limits and connections, and all ids in the process differ.
#[test]
fn limits_and_connections_belong_to_one_manager_and_its_clones() {
    run(async || {
        let server = Server::start();
        let one = || Manager::builder().max_per_host(1).max_open(1).build();
        let managers = [one().unwrap(), one().unwrap()];

        // Both are at their limits at the same time.
        let mut leases = Vec::new();
        for manager in &managers {
            leases.push(manager.allocate(server.request()).await.unwrap());
        }
        server.connections.until(|tally| tally.now == 2).await;
        for (manager, lease) in managers.iter().zip(leases) {
            let waiting = manager.clone().allocate(server.request());
            assert_eq!(manager.totals().waiting, 1);
            lease.free();
            let lease = waiting.await.unwrap();
            assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
            lease.free();
            let totals = manager.totals();
            assert_eq!((totals.opened, totals.idle), (1, 1));
        }

        let [ended, other] = managers;
        assert_eq!(ended.clone().shutdown().await, 0);
        let refused = error(ended.allocate(server.request()).await);
        assert_eq!(refused.kind(), ErrorKind::ShutDown);
        let lease = other.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
    });
}

#[test]
fn ids_differ_across_managers_threads_and_refusals() {
    let managers = [Manager::new(), Manager::new()];
    // Outside of a runtime each request is refused, and still has an id.
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let manager = managers[thread % 2].clone();
                let request = Request::new("test", "127.0.0.1", 9).unwrap();
                scope.spawn(move || {
                    let ask = |_| manager.allocate(&request).id();
                    (0..5_000).map(ask).collect::<Vec<_>>()
                })
            })
            .collect();
        let ids = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        ids.collect()
    });
    let refused: HashSet<_> = ids.into_iter().collect();
    assert_eq!(refused.len(), 20_000);

    run(async || {
        let server = Server::start();
        let mut ids = HashSet::new();
        for manager in [Manager::new(), Manager::new()] {
            for _ in 0..100 {
                let pending = manager.allocate(server.request());
                assert!(ids.insert(pending.id()), "{ids:?}");
                pending.await.unwrap().free();
            }
        }
        assert!(ids.iter().all(|id| !refused.contains(id)));
    });
}
