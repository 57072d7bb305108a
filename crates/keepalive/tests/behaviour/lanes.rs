//! Hits in a row, which pass the engine by.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use keepalive::{ErrorKind, FromCache, Lease, Manager, Request, Timing};
use tokio::time::{Instant, advance, sleep, timeout};

use crate::support::{Mock, Order, Server, build, echo, eventually, host, poll_once, run};

/// Opens a connection, and uses it until its host has a lane.
async fn warm(manager: &Manager<Mock>, request: &Request) {
    for _ in 0..3 {
        manager.lease(request).await.unwrap().free();
    }
}

/// W3, W4: the figures know each hit, and the list of leases the present one.
#[test]
fn hits_in_a_row_are_counted_and_listed() {
    run(async || {
        let manager = build(|it| it.connector(Mock::new()));
        let request = host(0);
        warm(&manager, &request).await;
        for hits in 3..10 {
            let lease: Lease<Mock> = manager.lease(&request).await.unwrap();
            assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
            assert_eq!(lease.timing(), Timing::default());
            if hits % 2 == 0 {
                let leases = manager.leases();
                assert_eq!((leases.len(), leases[0].id), (1, lease.id()));
                assert_eq!(&leases[0].host, request.host());
                assert!(leases[0].location.file().ends_with("lanes.rs"));
            }
            lease.free();
            let stats = manager.stats();
            assert_eq!((stats.total.open, stats.total.idle), (1, 1));
            assert_eq!(stats.total.reused_immediate, hits);
            assert_eq!(stats.waiting_time.count(), hits + 1);
        }
        assert!(manager.leases().is_empty());
    });
}

/// M3: two managers share nothing, although a request keeps a pointer to a lane of one.
#[test]
fn one_request_serves_two_managers() {
    run(async || {
        let mocks = [Mock::new(), Mock::new()];
        let managers = mocks
            .each_ref()
            .map(|mock| build(|it| it.connector(mock.clone())));
        let request = host(0);
        for manager in &managers {
            warm(manager, &request).await;
        }
        for mock in &mocks {
            assert_eq!(mock.open.read().now, 1);
        }
        assert_eq!(managers.map(|it| it.totals().reused_immediate), [2, 2]);
    });
}

/// M3, L5: a request that keeps a pointer to a lane of one manager can wait in another.
#[test]
fn one_request_waits_in_two_managers() {
    run(async || {
        let request = host(0);
        let managers = [(); 2].map(|()| build(|it| it.connector(Mock::new()).max_per_host(1)));
        for manager in &managers {
            warm(manager, &request).await;
        }
        for manager in managers.iter().chain(&managers) {
            let lease = manager.lease(&request).await.unwrap();
            let mut waiting = [(); 3].map(|()| Box::pin(manager.lease(&request)));
            for waiting in &mut waiting {
                assert!(poll_once(waiting.as_mut()).is_pending());
            }
            lease.free();
            for waiting in waiting {
                waiting.await.unwrap().free();
            }
        }
        assert_eq!(managers.map(|it| it.totals().reused_deferred), [6, 6]);
    });
}

/// I6: a connection is of the request's host, also if the request was made from a used one.
#[test]
fn a_partition_of_a_used_request_has_connections_of_its_own() {
    run(async || {
        let mock = Mock::new();
        let manager = build(|it| it.connector(mock.clone()));
        let request = host(0);
        warm(&manager, &request).await;
        let apart = request.clone().partition("apart");
        let lease = manager.lease(&apart).await.unwrap();
        assert_eq!((lease.from_cache(), lease.host()), (None, apart.host()));
        lease.free();
        warm(&manager, &apart).await;
        let lease = manager.lease(&request).await.unwrap();
        assert_eq!(lease.host(), request.host());
        assert_eq!(mock.open.read().now, 2);
    });
}

/// C5: a connection expires after its last hit, not after its first.
#[tokio::test(start_paused = true)]
async fn a_connection_that_served_hits_expires_after_the_last() {
    let second = Duration::from_secs(1);
    let manager = build(|it| it.connector(Mock::new()).keep_alive(10 * second));
    let request = host(0);
    warm(&manager, &request).await;
    for _ in 0..30 {
        advance(second).await;
        manager.lease(&request).await.unwrap().free();
    }
    assert_eq!(manager.totals().opened, 1);
    // While a user has the only connection, no deadline is left. Then nobody looks at the manager.
    let lease = manager.lease(&request).await.unwrap();
    sleep(20 * second).await;
    lease.free();
    sleep(11 * second).await;
    let totals = manager.totals();
    assert_eq!((totals.open, totals.expired), (0, 1));
}

/// C6: each hit wears a connection.
#[test]
fn hits_in_a_row_wear_a_connection() {
    run(async || {
        let manager = build(|it| it.connector(Mock::new()).max_uses(5));
        let request = host(0);
        for round in 1..=3 {
            for used in 0..5 {
                let lease = manager.lease(&request).await.unwrap();
                let reused = (used > 0).then_some(FromCache::Immediate);
                assert_eq!(lease.from_cache(), reused, "round {round}");
                lease.free();
            }
        }
        assert_eq!(manager.totals().opened, 3);
    });
}

/// C4, T1: a request of a lane whose connection turns out to be dead waits within its own deadline.
#[tokio::test(start_paused = true)]
async fn a_hit_on_a_dead_connection_keeps_its_deadline() {
    let second = Duration::from_secs(1);
    for own in [None, Some(3 * second)] {
        let stuck = Arc::new(AtomicBool::new(false));
        let mock = Mock::stuck_while(&stuck);
        let manager = build(|it| it.connector(mock.clone()).timeout(7 * second));
        let request = match own {
            Some(time) => host(0).timeout(time),
            None => host(0),
        };
        warm(&manager, &request).await;
        mock.peer_closes_unheard(1..=1);
        stuck.store(true, SeqCst);
        advance(second).await;
        let asked = Instant::now();
        let answer = timeout(60 * second, manager.lease(&request)).await;
        let error = answer.expect("in time").expect_err("nothing opens");
        let limit = own.unwrap_or(7 * second);
        let text = error.to_string();
        assert!(
            text.contains(&format!("timed out after {limit:?}")),
            "{text}"
        );
        assert_eq!(asked.elapsed().as_secs(), limit.as_secs());
    }
}

/// C3: a connection that has served hits is watched.
#[test]
fn a_connection_that_served_hits_closes_with_its_peer() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let request = server.request();
        for _ in 0..5 {
            let mut lease = manager.lease(&request).await.unwrap();
            echo(&mut lease, "hello").await;
            lease.free();
        }
        server.order(Order::Close);
        server.closed(1).await;
        eventually("closed", || manager.totals().open == 0).await;
    });
}

/// L1, L4: a connection that has served hits makes room for another host.
#[test]
fn a_connection_that_served_hits_makes_room() {
    run(async || {
        let mock = Mock::new();
        let manager = build(|it| it.connector(mock.clone()).max_open(1));
        for round in 0..4 {
            let request = host(round % 2);
            warm(&manager, &request).await;
            assert_eq!(mock.open.read().highest, 1);
        }
        assert_eq!(manager.totals().evicted, 3);
    });
}

const SECOND: Duration = Duration::from_secs(1);

/// A manager with one connection per host, and a request whose host has a lane.
async fn with_one(mock: &Mock) -> (Manager<Mock>, Request) {
    let manager = build(|it| {
        it.connector(mock.clone())
            .max_per_host(1)
            .timeout(5 * SECOND)
    });
    let request = host(0);
    warm(&manager, &request).await;
    (manager, request)
}

/// L5, W1, W4: requests that wait in a lane get its connection in order, and their time counts.
#[tokio::test(start_paused = true)]
async fn requests_that_wait_in_a_lane_get_its_connection_in_order() {
    let (manager, request) = with_one(&Mock::new()).await;
    let lease = manager.lease(&request).await.unwrap();
    let mut first = pin!(manager.lease(&request));
    let mut second = pin!(manager.lease(&request));
    assert!(poll_once(first.as_mut()).is_pending() && poll_once(second.as_mut()).is_pending());
    advance(3 * SECOND).await;
    lease.free();
    assert!(poll_once(second.as_mut()).is_pending());
    let lease = first.await.unwrap();
    assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
    assert_eq!(lease.timing().queued, 3 * SECOND);
    assert_eq!(manager.leases()[0].id, lease.id());
    assert_eq!(manager.totals().waiting, 1);
    assert_eq!(lease.timing().queued, 3 * SECOND, "after a call-back");
    lease.free();
    second.await.unwrap().free();
    let stats = manager.stats();
    assert_eq!((stats.total.reused_deferred, stats.total.opened), (2, 1));
    assert_eq!(stats.waiting_time.count(), 6);
    assert_eq!(stats.waiting_time.longest().as_secs(), 3);
}

/// T1, T2: a request that waits in a lane ends at its deadline, whatever else the lane does.
#[tokio::test(start_paused = true)]
async fn a_request_that_waits_in_a_lane_times_out() {
    let (manager, request) = with_one(&Mock::new()).await;
    let lease = manager.lease(&request).await.unwrap();
    let asked = Instant::now();
    let late = timeout(60 * SECOND, manager.lease(&request)).await;
    let error = late.expect("in time").expect_err("nobody returns it");
    assert_eq!((error.function(), asked.elapsed()), ("queue", 5 * SECOND));
    let text = error.to_string();
    assert!(
        text.contains("1 of 1 connections to this host are in use"),
        "{text}"
    );
    lease.free();
    assert_eq!(manager.totals().timed_out, 1);
    manager.lease(&request).await.unwrap().free();
}

/// T3: a request that leaves its lane lets the next go on, before its answer and after.
#[tokio::test(start_paused = true)]
async fn a_request_that_leaves_its_lane_lets_the_next_go_on() {
    for is_answered in [false, true] {
        let (manager, request) = with_one(&Mock::new()).await;
        let lease = manager.lease(&request).await.unwrap();
        let mut leaving = Box::pin(manager.lease(&request));
        let mut next = pin!(manager.lease(&request));
        assert!(poll_once(leaving.as_mut()).is_pending() && poll_once(next.as_mut()).is_pending());
        if is_answered {
            lease.free();
            drop(leaving);
        } else {
            drop(leaving);
            lease.free();
        }
        next.await.unwrap().free();
        let totals = manager.totals();
        assert_eq!((totals.cancelled, totals.opened, totals.idle), (1, 1, 1));
    }
}

/// L5, C7: a request that waits in a lane goes on when the connection closes, and ends with the manager.
#[tokio::test(start_paused = true)]
async fn a_request_that_waits_in_a_lane_hears_of_all_else() {
    let mock = Mock::new();
    let (manager, request) = with_one(&mock).await;
    let lease = manager.lease(&request).await.unwrap();
    let mut waiting = pin!(manager.lease(&request));
    assert!(poll_once(waiting.as_mut()).is_pending());
    drop(lease);
    let lease = waiting.await.unwrap();
    assert_eq!((lease.from_cache(), manager.totals().opened), (None, 2));
    let mut waiting = pin!(manager.lease(&request));
    assert!(poll_once(waiting.as_mut()).is_pending());
    let shutdown = tokio::spawn(manager.shutdown());
    let error = waiting.await.expect_err("it has ended");
    assert_eq!(error.kind(), ErrorKind::ShutDown);
    drop(lease);
    shutdown.await.unwrap();
}

/// L5: a connection whose peer closes it goes to no request that waits in its lane.
#[tokio::test(start_paused = true)]
async fn a_dead_connection_goes_to_no_request_in_its_lane() {
    let mock = Mock::new();
    let (manager, request) = with_one(&mock).await;
    let lease = manager.lease(&request).await.unwrap();
    let mut waiting = pin!(manager.lease(&request));
    assert!(poll_once(waiting.as_mut()).is_pending());
    lease.free();
    // The reactor does not tell, and more than a moment passes before the answer is taken.
    mock.peer_closes_unheard(1..=1);
    advance(SECOND).await;
    let lease = waiting.await.unwrap();
    assert_eq!((lease.from_cache(), mock.open.read().total), (None, 2));
}
