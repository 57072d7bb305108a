//! L1, C3: a connection that carries several leases counts once, and is watched all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::support::{Mock, eventually, host, run};
use keepalive::{FromCache, Manager};

/// A manager with one connection per host.
fn manager(mock: &Mock) -> Manager<Mock> {
    let manager = Manager::builder().connector(mock.clone()).max_per_host(1);
    manager.build().expect("settings that work")
}

/// Connections whose capacity can be set.
fn variable(capacity: usize) -> (Mock, Arc<AtomicUsize>) {
    let setting = Arc::new(AtomicUsize::new(capacity));
    let capacity = Arc::clone(&setting);
    (Mock::shared(move || capacity.load(SeqCst)), setting)
}

#[test]
fn three_leases_are_one_connection() {
    run(async || {
        let mock = Mock::shared(|| 3);
        let manager = manager(&mock);
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
fn each_lease_is_a_use() {
    run(async || {
        let mock = Mock::shared(|| 3);
        let manager = Manager::builder().connector(mock.clone()).max_per_host(1);
        let manager = manager.max_uses(2).build().unwrap();
        let first = manager.allocate(host(0)).await.unwrap();
        let second = manager.allocate(host(0)).await.unwrap();
        let third = manager.allocate(host(0));
        assert!(third.waiting().is_some(), "two uses is all it has");
        first.free();
        assert!(third.waiting().is_some(), "it is still in use");
        second.free();
        assert_eq!(third.await.unwrap().from_cache(), None);
        let tally = mock.open.read();
        assert_eq!((tally.total, tally.highest), (2, 1));
    });
}

#[test]
fn a_closed_lease_closes_it_when_the_others_are_back() {
    run(async || {
        let mock = Mock::shared(|| 3);
        let manager = manager(&mock);
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
fn an_idle_one_that_the_peer_closes_goes_at_once() {
    run(async || {
        let mock = Mock::shared(|| 3);
        let manager = manager(&mock);
        manager.allocate(host(0)).await.unwrap().free();
        assert_eq!(manager.totals().idle, 1);
        mock.peer_closes();
        eventually("gone", || manager.totals().open == 0).await;
        assert_eq!(mock.open.read().now, 0);
    });
}

#[test]
fn one_in_use_that_the_peer_closes_takes_no_more_leases() {
    run(async || {
        let mock = Mock::shared(|| 3);
        let manager = Manager::builder().connector(mock.clone()).max_per_host(2);
        let manager = manager.build().unwrap();
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
fn one_whose_capacity_drops_serves_who_has_been_answered() {
    run(async || {
        let (mock, capacity) = variable(3);
        let manager = manager(&mock);
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
fn one_whose_capacity_has_grown_when_it_comes_back_serves_more() {
    run(async || {
        let (mock, capacity) = variable(1);
        let manager = manager(&mock);
        let first = manager.allocate(host(0)).await.unwrap();
        let (second, third) = (manager.allocate(host(0)), manager.allocate(host(0)));
        capacity.store(2, SeqCst);
        first.free();
        let _both = (second.await.unwrap(), third.await.unwrap());
        assert_eq!(mock.open.read().total, 1);
    });
}

#[test]
fn one_whose_capacity_grows_while_in_use_serves_who_waits() {
    run(async || {
        let (mock, capacity) = variable(2);
        let manager = manager(&mock);
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
fn one_that_gives_no_handle_any_more_is_replaced() {
    run(async || {
        let handles = AtomicUsize::new(0);
        let shares = move || handles.fetch_add(1, SeqCst) < 3;
        let mock = Mock::new().capacity(|| 3).share(shares);
        let manager = Manager::builder().connector(mock).max_per_host(2);
        let manager = manager.build().unwrap();
        let mut leases = Vec::new();
        for _ in 0..3 {
            leases.push(manager.allocate(host(0)).await.unwrap());
        }
        assert_eq!(manager.totals().opened, 2);
    });
}
