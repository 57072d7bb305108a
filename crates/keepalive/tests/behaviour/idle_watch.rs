//! Idle connections are watched and checked, and a connection that its peer has closed is never
//! handed out.

use std::thread::sleep;
use std::time::{Duration, Instant};

use keepalive::{Manager, Pending};

#[cfg(target_os = "linux")]
use crate::support::descriptors_to;
use crate::support::{Mock, Order, Server, build, echo, eventually, host, run, run_or_hang};

/// C4: a connection that its peer has closed is not handed out, even before its watcher notices.
#[test]
fn a_connection_closed_after_its_reply_is_replaced_two_hundred_times() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(1));
        for round in 1..=200 {
            let mut lease = manager.allocate(server.request()).await.unwrap();
            assert_eq!(lease.from_cache(), None, "round {round}");
            echo(&mut lease, "hello").await;
            echo(&mut lease, "bye").await;
            lease.free();
            // This blocks the thread: on a runtime of one thread only the check at the hand-out can
            // find the end of the stream.
            let start = Instant::now();
            while server.connections.read().gone < round {
                assert!(start.elapsed() < Duration::from_secs(5), "never closed");
                sleep(Duration::from_millis(1));
            }
            sleep(Duration::from_millis(2));
        }
    });
}

/// A manager with one connection per host.
fn one_per_host() -> Manager {
    build(|it| it.max_per_host(1))
}

/// A request that has been answered with a freed connection, which has not been taken.
async fn assigned(manager: &Manager, server: &Server) -> Pending {
    let held = manager.allocate(server.request()).await;
    let mut held = held.expect("a connection");
    echo(&mut held, "before").await;
    let waiter = manager.allocate(server.request());
    held.free();
    assert!(waiter.waiting().is_none(), "it has its answer");
    waiter
}

/// C4: a connection that its peer has closed is not handed out, even if it was assigned before.
#[test]
fn a_connection_that_dies_before_it_is_taken_is_replaced() {
    run(async || {
        let (server, manager) = (Server::start(), one_per_host());
        let waiter = assigned(&manager, &server).await;
        server.close_all().await;

        let mut lease = waiter.await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "alive").await;
        let totals = manager.totals();
        assert_eq!((totals.open, totals.closed_by_peer), (1, 1));
    });
}

#[test]
fn a_connection_that_dies_before_its_response_is_taken_is_replaced() {
    run(async || {
        let (server, manager) = (Server::start(), one_per_host());
        let mut held = manager.allocate(server.request()).await.unwrap();
        echo(&mut held, "before").await;
        let (mailbox, mut responses) = keepalive::mailbox();
        let id = manager
            .allocate_to(&mailbox, server.request(), "late", 1)
            .unwrap();
        drop(mailbox);
        held.free();
        assert!(manager.waiting(id).is_none(), "it has its answer");
        server.close_all().await;

        let response = responses.recv().await.expect("an answer");
        assert_eq!(response.id(), id);
        let mut lease = response.into_connection().expect("a connection");
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "alive").await;
        assert!(responses.recv().await.is_none(), "only one answer");
        assert_eq!(manager.totals().open, 1);
    });
}

/// A request is dropped or cancelled after its connection has died; the next gets another.
async fn next_is_served(assigned: Pending, manager: &Manager, server: &Server, cancel: bool) {
    let next = manager.allocate(server.request());
    assert!(next.waiting().is_some());
    server.close_all().await;
    if cancel {
        assert!(manager.cancel(assigned.id()));
    }
    drop(assigned);

    let mut lease = next.await.expect("a connection");
    assert_eq!(lease.from_cache(), None);
    echo(&mut lease, "alive").await;
}

#[test]
fn a_freed_connection_that_died_is_not_passed_on() {
    run(async || {
        for cancel in [false, true] {
            let (server, manager) = (Server::start(), one_per_host());
            let dropped = assigned(&manager, &server).await;
            next_is_served(dropped, &manager, &server, cancel).await;
        }
    });
}

#[test]
fn a_new_connection_that_died_is_not_passed_on() {
    run(async || {
        for cancel in [false, true] {
            let (server, manager) = (Server::start(), one_per_host());
            let dropped = manager.allocate(server.request());
            eventually("assigned", || dropped.waiting().is_none()).await;
            server.connections.until(|tally| tally.now == 1).await;
            next_is_served(dropped, &manager, &server, cancel).await;
        }
    });
}

/// C3: an idle connection is removed as soon as its peer closes it.
#[cfg(target_os = "linux")]
#[test]
fn a_close_by_the_peer_frees_the_descriptor_and_the_permit() {
    run(async || {
        let (server, other) = (Server::start(), Server::start());
        let manager = build(|it| it.max_open(1));
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
        assert_eq!(manager.totals().idle, 1);

        server.order(Order::Close);
        eventually("removed", || manager.totals().open == 0).await;
        assert_eq!(descriptors_to(server.port()), 0);
        assert_eq!(manager.totals().closed_by_peer, 1);

        let mut lease = manager.allocate(other.request()).await.unwrap();
        echo(&mut lease, "the permit is free").await;
        assert_eq!(manager.totals().evicted, 0);
    });
}

/// C3: an idle connection on which the peer sends unrequested data is removed at once.
#[test]
fn a_byte_that_nobody_asked_for_removes_an_idle_connection() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
        assert_eq!(manager.totals().idle, 1);

        server.order(Order::SendByte);
        eventually("removed", || manager.totals().open == 0).await;
        server.closed(1).await;
        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "no stray byte before this").await;
    });
}

/// C3: a connection that is idle before its first use is watched like any other.
#[test]
fn a_connection_that_nobody_needed_goes_when_the_peer_closes_it() {
    run(async || {
        for answered in [true, false] {
            let (server, manager) = (Server::start(), Manager::new());
            let pending = manager.allocate(server.request());
            if answered {
                eventually("assigned", || pending.waiting().is_none()).await;
            }
            server.connections.until(|tally| tally.now == 1).await;
            drop(pending);
            eventually("finished into the cache", || manager.totals().idle == 1).await;

            server.order(Order::Close);
            eventually("removed", || manager.totals().open == 0).await;
            assert_eq!(manager.totals().closed_by_peer, 1);
        }
    });
}

/// C3: a connection that wakes its watcher all the time does not starve other tasks.
#[test]
fn a_connection_that_always_wakes_its_watcher_starves_no_task() {
    run_or_hang(async || {
        let mock = Mock::new().wakes_itself();
        let manager = build(|it| it.connector(mock));
        manager.allocate(host(0)).await.unwrap().free();
        for _ in 0..10 {
            tokio::spawn(tokio::task::yield_now()).await.unwrap();
            tokio::time::sleep(Duration::from_micros(1)).await;
        }
        assert_eq!(manager.totals().idle, 1);
    });
}

#[cfg(target_os = "linux")]
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// C5: a connection that is idle for longer than `keep_alive` is closed, with no traffic needed.
#[cfg(target_os = "linux")]
#[test]
fn idle_connections_are_closed_in_time_and_the_next_are_fresh() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.keep_alive(KEEP_ALIVE));
        let first = manager.allocate(server.request()).await.unwrap();
        let second = manager.allocate(server.request()).await.unwrap();
        assert_eq!(descriptors_to(server.port()), 2);

        let freed = Instant::now();
        first.free();
        second.free();
        assert_eq!(manager.totals().idle, 2);
        server.closed(2).await;
        let idle = freed.elapsed();
        assert!(idle >= KEEP_ALIVE, "closed after {idle:?}");
        assert!(idle < KEEP_ALIVE * 2, "closed after {idle:?}");
        eventually("closed", || descriptors_to(server.port()) == 0).await;
        eventually("counted", || manager.totals().open == 0).await;
        assert_eq!(manager.totals().expired, 2);

        let (first, second) = tokio::join!(
            manager.allocate(server.request()),
            manager.allocate(server.request()),
        );
        for lease in [first, second] {
            let mut lease = lease.unwrap();
            assert_eq!(lease.from_cache(), None);
            echo(&mut lease, "fresh").await;
        }
    });
}
