//! Connections that carry several leases.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use keepalive::{FromCache, Manager, Unusable};

use crate::support::{Mock, build, eventually, host, run, run_on_one_thread};

/// A manager with one connection per host.
fn one_per_host(mock: &Mock) -> Manager<Mock> {
    build(|it| it.connector(mock.clone()).max_per_host(1))
}

/// Connections whose capacity can be set.
fn variable(capacity: usize) -> (Mock, Arc<AtomicUsize>) {
    let setting = Arc::new(AtomicUsize::new(capacity));
    let capacity = Arc::clone(&setting);
    (Mock::shared(move || capacity.load(SeqCst)), setting)
}

/// L1, C3: a connection that carries several leases counts once, and is watched all the time.
#[test]
fn three_leases_of_a_shared_connection_count_once() {
    run(async || {
        let mock = Mock::shared(|| 3);
        let manager = one_per_host(&mock);
        let first = manager.allocate(host(0)).await.unwrap();
        let second = manager.allocate(host(0)).await.unwrap();
        let third = manager.allocate(host(0)).await.unwrap();
        assert_eq!(second.from_cache(), Some(FromCache::Immediate));
        let totals = manager.totals();
        assert_eq!((totals.open, totals.leased, totals.opened), (1, 1, 1));

        let fourth = manager.allocate(host(0));
        assert!(fourth.waiting().is_some(), "three is all it carries");
        second.free();
        let fourth = fourth.await.unwrap();
        assert_eq!(fourth.from_cache(), Some(FromCache::Deferred));
        assert_eq!(manager.leases().len(), 3);
        for lease in [first, third, fourth] {
            lease.free();
        }
        assert_eq!(manager.totals().idle, 1);
        assert_eq!(mock.open.read().total, 1);
    });
}

#[test]
fn a_closed_lease_closes_a_shared_connection_after_the_others() {
    run(async || {
        let mock = Mock::shared(|| 3);
        let manager = one_per_host(&mock);
        let first = manager.allocate(host(0)).await.unwrap();
        manager.allocate(host(0)).await.unwrap().close();
        let next = manager.allocate(host(0));
        assert!(next.waiting().is_some(), "nobody else joins");
        assert_eq!(mock.open.read().now, 1);
        first.free();
        assert_eq!(next.await.unwrap().from_cache(), None);
        assert_eq!(mock.open.read().total, 2);
    });
}

#[test]
fn an_idle_shared_connection_that_the_peer_closes_goes_at_once() {
    run(async || {
        let mock = Mock::shared(|| 3);
        let manager = one_per_host(&mock);
        manager.allocate(host(0)).await.unwrap().free();
        assert_eq!(manager.totals().idle, 1);
        mock.peer_closes();
        eventually("gone", || manager.totals().open == 0).await;
        assert_eq!(mock.open.read().now, 0);
    });
}

#[test]
fn a_shared_connection_that_the_peer_closes_takes_no_more_leases() {
    run(async || {
        let mock = Mock::shared(|| 3);
        let manager = build(|it| it.connector(mock.clone()).max_per_host(2));
        let first = manager.allocate(host(0)).await.unwrap();
        mock.peer_closes();
        let second = manager.allocate(host(0)).await.unwrap();
        assert_eq!(second.from_cache(), None, "a connection of its own");
        first.free();
        eventually("closed", || mock.open.read().now == 1).await;
        assert_eq!(manager.totals().open, 1);
    });
}

#[test]
fn a_shared_connection_whose_capacity_drops_serves_its_answered_requests() {
    run(async || {
        let (mock, capacity) = variable(3);
        let manager = one_per_host(&mock);
        let first = manager.allocate(host(0)).await.unwrap();
        let (second, third) = (manager.allocate(host(0)), manager.allocate(host(0)));
        capacity.store(1, SeqCst);
        first.free();
        let (second, third) = (second.await.unwrap(), third.await.unwrap());

        let fourth = manager.allocate(host(0));
        second.free();
        assert!(fourth.waiting().is_some(), "one is all it carries now");
        third.free();
        assert_eq!(
            fourth.await.unwrap().from_cache(),
            Some(FromCache::Deferred)
        );
        assert_eq!(mock.open.read().total, 1);
    });
}

#[test]
fn a_connection_whose_capacity_has_grown_serves_more_when_freed() {
    run(async || {
        let (mock, capacity) = variable(1);
        let manager = one_per_host(&mock);
        let first = manager.allocate(host(0)).await.unwrap();
        let (second, third) = (manager.allocate(host(0)), manager.allocate(host(0)));
        capacity.store(2, SeqCst);
        first.free();
        let _both = (second.await.unwrap(), third.await.unwrap());
        assert_eq!(mock.open.read().total, 1);
    });
}

#[test]
fn a_connection_whose_capacity_grows_in_use_serves_a_waiter() {
    run(async || {
        let (mock, capacity) = variable(2);
        let manager = one_per_host(&mock);
        let _first = manager.allocate(host(0)).await.unwrap();
        let _second = manager.allocate(host(0)).await.unwrap();
        let third = manager.allocate(host(0));
        assert!(third.waiting().is_some());
        capacity.store(3, SeqCst);
        mock.wake_watchers();
        assert_eq!(third.await.unwrap().from_cache(), Some(FromCache::Deferred));
        assert_eq!(mock.open.read().total, 1);
    });
}

#[test]
fn a_shared_connection_without_further_handles_is_replaced() {
    run(async || {
        let handles = AtomicUsize::new(0);
        let shares = move || handles.fetch_add(1, SeqCst) < 3;
        let mock = Mock::new().capacity(|| 3).share(shares);
        let manager = build(|it| it.connector(mock).max_per_host(2));
        let mut leases = Vec::new();
        for _ in 0..3 {
            leases.push(manager.allocate(host(0)).await.unwrap());
        }
        assert_eq!(manager.totals().opened, 2);
    });
}

/// C4: the manager checks a connection that has been idle, and not one that carries leases.
#[tokio::test(start_paused = true)]
async fn a_shared_connection_is_checked_only_when_all_leases_are_back() {
    let checks = Arc::new(AtomicUsize::new(0));
    let mock = Mock::shared(|| 4).check({
        let checks = Arc::clone(&checks);
        move || {
            checks.fetch_add(1, SeqCst);
            Ok(())
        }
    });
    let manager = build(|it| it.connector(mock.clone()));
    let first = manager.allocate(host(0)).await.unwrap();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_millis(5)).await;
        manager.allocate(host(0)).await.unwrap().free();
    }
    assert_eq!(checks.load(SeqCst), 0);
    first.free();
    tokio::time::advance(Duration::from_millis(5)).await;
    manager.allocate(host(0)).await.unwrap().free();
    assert_eq!(checks.load(SeqCst), 1);
    assert_eq!(mock.open.read().total, 1);
}

/// C4: a request does not get its assigned share of a connection after a check for another request
/// has failed.
#[test]
fn a_shared_connection_found_broken_is_handed_to_no_request() {
    // On one thread, the watcher does not run first.
    run_on_one_thread(async || {
        let broken = Arc::new(AtomicBool::new(false));
        let mock = Mock::shared(|| 2).check({
            let broken = Arc::clone(&broken);
            move || match broken.swap(false, SeqCst) {
                true => Err(Unusable::Closed),
                false => Ok(()),
            }
        });
        let manager = Manager::builder().connector(mock.clone());
        // With one attempt at a time, the first request does not start its own when queued again.
        let manager = manager.max_per_host(2).max_connecting(1);
        let manager = manager.build().unwrap();
        let first = manager.allocate(host(0));
        eventually("answered", || first.waiting().is_none()).await;

        let second = manager.allocate(host(0));
        eventually("answered", || second.waiting().is_none()).await;

        // The watch has fired, so the connection is checked before the first request gets it.
        mock.wake_watchers();
        broken.store(true, SeqCst);
        let first = first.await.unwrap();
        assert!(!broken.load(SeqCst), "it was checked");
        let _leases = (first, second.await.unwrap());
        let tally = mock.open.read();
        assert_eq!((tally.now, tally.total), (1, 2));
    });
}
