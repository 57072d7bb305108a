//! Deadlines of requests and of attempts.

use std::io::ErrorKind::TimedOut;
use std::time::{Duration, Instant};

use keepalive::{ErrorKind, FromCache, Manager, NetConnector, Reason};
use tokio::time::{advance, sleep, timeout};

use crate::support::{
    Mock, Order, Server, Silent, assert_system_error, build, echo, error, eventually_blocking,
    host, run, run_or_hang,
};

/// T1, T2: a request that waits for its host's limit ends in time, with the reason in its error.
#[test]
fn a_timeout_in_the_queue_names_the_limit_and_never_connects() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(1));
        let held = manager.allocate(server.request()).await.unwrap();

        let limit = Duration::from_millis(1);
        let late = manager.allocate(server.request().timeout(limit));
        let id = late.id();
        let late = error(late.await);
        assert_eq!((late.kind(), late.id()), (ErrorKind::Timeout, id));
        assert_system_error(&late, "queue", TimedOut);
        let waiting = late.waiting().expect("a reason");
        assert_eq!(waiting.reason(), Reason::HostLimit { in_use: 1, max: 1 });
        assert!(late.timing().queued >= limit, "{:?}", late.timing());
        assert!(!manager.cancel(id), "it has been answered");

        held.free();
        let mut next = manager.allocate(server.request()).await.unwrap();
        assert_eq!(next.from_cache(), Some(FromCache::Immediate));
        echo(&mut next, "the same connection").await;
        let totals = manager.totals();
        assert_eq!((totals.timed_out, totals.opened), (1, 1));
        assert_eq!((totals.waiting, totals.connecting), (0, 0));
        assert_eq!(server.connections.read().total, 1);
    });
}

/// R6, T2: a request with a mailbox that times out is answered once, too.
#[test]
fn a_timeout_is_posted_once() {
    run(async || {
        let (server, silent) = (Server::start(), Silent::start().await);
        let manager = build(|it| it.max_per_host(1));
        let _held = manager.allocate(server.request()).await.unwrap();

        let limit = Duration::from_millis(20);
        let (mailbox, mut responses) = keepalive::mailbox();
        for (request, function) in [(server.request(), "queue"), (silent.request(), "connect")] {
            manager
                .allocate_to(&mailbox, request.timeout(limit), "late", function)
                .unwrap();
        }
        drop(mailbox);
        for _ in 0..2 {
            let response = responses.recv().await.expect("an answer for each");
            assert_eq!(response.function(), Some(*response.context()));
            let error = response.error().expect("nobody can connect");
            assert_eq!(error.kind(), ErrorKind::Timeout);
        }
        assert!(responses.recv().await.is_none());
    });
}

/// T1, T2: a request to a peer that never answers times out, and its permit then serves others.
#[test]
fn a_timeout_while_connecting_frees_the_permit() {
    run(async || {
        let (silent, server) = (Silent::start().await, Server::start());
        let manager = build(|it| it.max_open(1));

        let limit = Duration::from_millis(50);
        let start = Instant::now();
        let late = error(manager.allocate(silent.request().timeout(limit)).await);
        assert!(start.elapsed() >= limit);
        assert_eq!(late.kind(), ErrorKind::Timeout);
        assert_system_error(&late, "connect", TimedOut);
        let waiting = late.waiting().expect("a reason");
        assert_eq!(waiting.reason(), Reason::Connecting);
        let timing = late.timing();
        assert!(timing.connect > Duration::ZERO, "{timing:?}");
        assert!(timing.total() >= limit, "{timing:?}");

        assert_eq!(manager.totals().connecting, 1, "its attempt goes on");
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "the permit is back").await;
        assert_eq!(manager.totals().timed_out, 1);
    });
}

/// R6, httpclient #309: when an attempt succeeds at the very deadline of its request, the request
/// gets the connection or a timeout, and no permit is lost.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_succeeds_before_the_deadline_serves_its_request() {
    assert!(serves_after(DEADLINE - MILLI).await);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_succeeds_at_the_deadline_loses_no_permit() {
    // Either is right.
    serves_after(DEADLINE).await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_succeeds_after_the_deadline_is_kept() {
    assert!(!serves_after(DEADLINE + MILLI).await);
}

const DEADLINE: Duration = Duration::from_millis(100);

const MILLI: Duration = Duration::from_millis(1);

/// Whether a request was served by an attempt that takes so long.
async fn serves_after(time: Duration) -> bool {
    let mock = Mock::new().connect(move |_| async move {
        sleep(time).await;
        Ok(())
    });
    let manager = build(|it| it.connector(mock.clone()).max_per_host(1));
    let served = match manager.allocate(host(0).timeout(DEADLINE)).await {
        Ok(lease) => {
            lease.free();
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Timeout);
            false
        }
    };
    manager.allocate(host(0)).await.unwrap().free();
    let totals = manager.totals();
    assert_eq!((totals.open, totals.idle, totals.waiting), (1, 1, 0));
    assert_eq!(totals.timed_out, u64::from(!served));
    assert_eq!(mock.open.read().highest, 1);
    served
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// T1, C5: after a jump of the clock, as when a machine wakes up, each due event happens once.
#[tokio::test(start_paused = true)]
async fn after_a_jump_of_the_clock_waiters_time_out_and_leases_stay() {
    for jump in [DAY, 365 * DAY, 10 * 365 * DAY] {
        let mock = Mock::new();
        let manager = build(|it| it.connector(mock.clone()).max_per_host(1));
        manager.allocate(host(0)).await.unwrap().free();
        let held = manager.allocate(host(1)).await.unwrap();
        let waiting = manager.allocate(host(1));

        advance(jump).await;

        assert_eq!(error(waiting.await).kind(), ErrorKind::Timeout);
        mock.open.until(|open| open.now == 1).await;
        held.free();
        let lease = manager.allocate(host(1)).await.unwrap();
        assert!(lease.from_cache().is_some());
        lease.free();
        assert_eq!(manager.allocate(host(0)).await.unwrap().from_cache(), None);
        let totals = manager.totals();
        assert_eq!((totals.timed_out, totals.expired), (1, 1));
        assert_eq!(manager.shutdown().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_jump_of_the_clock_an_attempt_ends_with_its_deadline() {
    let manager = build(|it| it.connector(Mock::stuck()));
    let pending = manager.allocate(host(0));
    tokio::task::yield_now().await;
    advance(365 * DAY).await;
    let late = error(pending.await);
    assert_eq!(late.kind(), ErrorKind::Timeout);
    assert_eq!(manager.shutdown().await, 0);
    assert_eq!(manager.totals().open, 0);
}

/// R6, T1: a task that blocks the only thread delays all requests, and loses none.
#[test]
fn deadlines_passed_on_a_blocked_thread_fire_once_afterwards() {
    run_or_hang(async || {
        let (server, idle) = (Server::start(), Server::start());
        let manager = build(|it| it.max_per_host(1));
        let held = manager.allocate(server.request()).await.unwrap();
        let mut lease = manager.allocate(idle.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
        let limit = Duration::from_millis(20);
        let late: Vec<_> = (0..100)
            .map(|_| manager.allocate(server.request().timeout(limit)))
            .collect();
        let patient = manager.allocate(server.request());

        idle.order(Order::Close);
        block_for(5 * limit);
        eventually_blocking("closed", || idle.connections.read().gone == 1);

        // The watcher could not run when the peer closed it, and still it is not handed out.
        let mut lease = manager.allocate(idle.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "a new one").await;
        for pending in late {
            assert_eq!(error(pending.await).kind(), ErrorKind::Timeout);
        }
        held.free();
        echo(&mut patient.await.unwrap(), "in time").await;
        let totals = manager.totals();
        assert_eq!((totals.timed_out, totals.waiting), (100, 0));
    });
}

/// Keeps the thread busy, as a task that never yields does.
fn block_for(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_millis(50);

fn impatient() -> Manager {
    let net = NetConnector::new().connect_timeout(CONNECT_TIMEOUT);
    build(|it| it.max_per_host(1).connector(net))
}

/// `NetConnector::connect_timeout` bounds an attempt, and not the wait before it.
#[test]
fn an_attempt_beyond_connect_timeout_fails_with_its_phase() {
    run(async || {
        let (silent, manager) = (Silent::start().await, impatient());
        let start = Instant::now();
        let late = error(manager.allocate(silent.request()).await);
        assert!(start.elapsed() >= CONNECT_TIMEOUT);
        assert_eq!(late.kind(), ErrorKind::Connect);
        assert_system_error(&late, "connect", TimedOut);
        assert!(late.to_string().contains("not open within 50ms"), "{late}");
        assert_eq!(manager.totals().open, 0);
    });
}

#[test]
fn connect_timeout_does_not_count_the_wait_in_the_queue() {
    run(async || {
        let (server, manager) = (Server::start(), impatient());
        let held = manager.allocate(server.request()).await.unwrap();
        let waiting = manager.allocate(server.request());
        let freed = async {
            sleep(2 * CONNECT_TIMEOUT).await;
            held.close();
        };
        let (waited, ()) = tokio::join!(waiting, freed);
        echo(&mut waited.unwrap(), "in its turn").await;
    });
}

/// A listener whose queue is full answers late, and the attempt waits for it.
#[test]
fn an_attempt_waits_for_a_listener_whose_backlog_is_full() {
    run(async || {
        let silent = Silent::start().await;
        let manager = Manager::new();
        let pending = manager.allocate(silent.request());
        assert!(pending.waiting().is_some());
        silent.makes_room().await;
        let lease = timeout(Duration::from_secs(20), pending).await;
        let lease = lease.unwrap().unwrap();
        let peer = lease.as_tcp().unwrap().peer_addr().unwrap();
        assert_eq!(peer.port(), silent.request().port());
    });
}
