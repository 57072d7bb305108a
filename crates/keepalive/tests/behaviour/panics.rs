//! E3: panics of users' code in connectors, connections, wakers and drops.

use std::future::ready;
use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use keepalive::{ConnectError, ErrorKind, FromCache, Lease, Manager, Pending, Phase, Request};
use tokio::sync::Notify;

use crate::support::{
    Gauge, Mock, Server, build, echo, error, eventually, host, on_one_thread, run, run_or_hang,
};

/// E3: a connector that panics fails its own attempt, and nothing else.
#[test]
fn a_panicking_connector_fails_one_request_and_keeps_no_permit() {
    run(async || {
        let mock = Mock::new().connect(|attempt| {
            assert!(attempt.host().scheme() != "panic", "as planned");
            ready(Ok(()))
        });
        let manager = build(|it| it.max_open(1).connector(mock));
        let request = Request::new("panic", "127.0.0.1", 1).unwrap();
        let error = error(manager.allocate(request).await);
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert_eq!(error.function(), "connect");
        assert_eq!(error.error_str(), "the connector panicked");
        assert_eq!(manager.totals().open, 0);
        manager.allocate(host(0)).await.unwrap().free();
    });
}

#[derive(Debug)]
struct Bad;

impl Drop for Bad {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("as planned");
        }
    }
}

/// E3: a value from the user may panic when it is dropped; the permit still comes back.
#[test]
fn a_context_that_panics_in_its_drop_loses_no_permit() {
    run(async || {
        let manager = build(|it| it.connector(Mock::new()).max_per_host(1));
        let held = manager.allocate(host(0)).await.unwrap();
        let (mailbox, responses) = manager.mailbox();
        let asked = manager.allocate_to(&mailbox, host(0), "event", Bad);
        assert!(asked.is_ok());
        drop(responses);
        held.free();
        assert_eq!(manager.totals().leased, 0);
        manager.allocate(host(0)).await.unwrap().free();
    });
}

#[derive(Debug, thiserror::Error)]
#[error("{0:?}")]
struct BadError(Bad);

#[test]
fn an_unread_error_that_panics_in_its_drop_loses_no_permit() {
    run(async || {
        let attempts = AtomicUsize::new(0);
        let mock = Mock::new().connect(move |_| {
            ready(match attempts.fetch_add(1, SeqCst) {
                0 => Err(ConnectError::new("connect", BadError(Bad))),
                _ => Ok(()),
            })
        });
        let manager = build(|it| it.connector(mock).max_open(1));
        let (mailbox, responses) = manager.mailbox();
        let asked = manager.allocate_to(&mailbox, host(0), "event", ());
        assert!(asked.is_ok());
        drop(responses);
        let others: Vec<_> = (1..20).map(|n| manager.allocate(host(n))).collect();
        for other in others {
            drop(other.await.unwrap());
        }
    });
}

#[test]
fn a_shared_handle_that_panics_in_its_drop_loses_no_permit() {
    run(async || {
        let capacity = Arc::new(AtomicUsize::new(1));
        let mock = Mock::shared({
            let capacity = Arc::clone(&capacity);
            move || capacity.load(SeqCst)
        });
        let mock = mock.drop_handle(|| drop(Bad));
        let manager = build(|it| it.connector(mock).max_per_host(1));
        let lease = manager.allocate(host(0)).await.unwrap();
        capacity.store(2, SeqCst);
        lease.free();
        assert_eq!(manager.totals().leased, 0);
        manager.allocate(host(0)).await.unwrap().free();
        assert_eq!(manager.totals().leased, 0);
    });
}

/// A manager with room for one connection.
fn one_slot(mock: &Mock) -> Manager<Mock> {
    build(|it| it.connector(mock.clone()).max_open(1))
}

/// The next request gets a new connection, in the permit of the one that panicked.
async fn assert_next_is_new(manager: &Manager<Mock>, mock: &Mock) {
    let lease = manager.allocate(host(0)).await.expect("a connection");
    assert_eq!(lease.from_cache(), None);
    let tally = mock.open.read();
    assert_eq!((tally.now, tally.total, tally.highest), (1, 2, 1));
}

/// E3: a connection whose methods panic is closed; its permit is free, and others go on.
#[test]
fn a_panic_of_capacity_or_share_means_one_lease_at_a_time() {
    run(async || {
        for mock in [
            Mock::new().capacity(|| panic!("as planned")),
            Mock::new().capacity(|| 3).share(|| panic!("as planned")),
        ] {
            let manager = one_slot(&mock);
            let first = manager.allocate(host(0)).await.unwrap();
            let second = manager.allocate(host(0));
            assert!(second.waiting().is_some());
            first.free();
            let second = second.await.unwrap();
            assert_eq!(second.from_cache(), Some(FromCache::Deferred));
        }
    });
}

#[test]
fn a_panic_of_poll_close_or_poll_unusable_ends_the_connection() {
    run(async || {
        for (mock, give_back) in [
            (
                Mock::new().close(|| panic!("as planned")),
                Lease::close as fn(_),
            ),
            (Mock::new().watch(|| panic!("as planned")), Lease::free),
        ] {
            let manager = one_slot(&mock);
            give_back(manager.allocate(host(0)).await.unwrap());
            eventually("the permit is back", || manager.totals().open == 0).await;
            assert_next_is_new(&manager, &mock).await;
        }
    });
}

#[test]
fn a_panic_of_check_closes_the_connection() {
    run(async || {
        let mock = Mock::new().check(|| panic!("as planned"));
        let manager = one_slot(&mock);
        manager.allocate(host(0)).await.unwrap().free();
        // Idle for this long, it is checked.
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_next_is_new(&manager, &mock).await;
    });
}

#[test]
fn a_panic_of_an_idle_connections_watch_disturbs_no_waiter() {
    run(async || {
        let broken = Arc::new(AtomicBool::new(false));
        let mock = Mock::new().watch({
            let broken = Arc::clone(&broken);
            move || {
                assert!(!broken.load(SeqCst), "as planned");
                Poll::Pending
            }
        });
        let manager = build(|it| it.connector(mock.clone()).max_per_host(1));
        let held = manager.allocate(host(0)).await.unwrap();
        let waiter = manager.allocate(host(0));
        manager.allocate(host(1)).await.unwrap().free();

        broken.store(true, SeqCst);
        mock.wake_watchers();
        eventually("closed", || manager.totals().open == 1).await;
        broken.store(false, SeqCst);
        assert!(waiter.waiting().is_some(), "it still waits");
        held.free();
        assert_eq!(
            waiter.await.unwrap().from_cache(),
            Some(FromCache::Deferred)
        );
    });
}

struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("as planned");
    }
}

/// Registers a waker that panics for a request.
fn arm(pending: &mut Pending<Mock>) {
    let bomb = Waker::from(Arc::new(Bomb));
    let polled = Pin::new(pending).poll(&mut Context::from_waker(&bomb));
    assert!(polled.is_pending());
}

/// E3: a waker that panics does not stop the work of the call that wakes it.
#[test]
fn a_freed_connection_reaches_a_waiter_whose_waker_panics() {
    run(async || {
        let manager = build(|it| it.connector(Mock::new()).max_open(1));
        let held = manager.allocate(host(0)).await.unwrap();
        let mut waiter = manager.allocate(host(0));
        arm(&mut waiter);
        held.free();
        let lease = waiter.await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
    });
}

#[test]
fn shutdown_closes_idle_connections_though_a_waker_panics() {
    // Enough hosts that some share their shard with the waiter's host.
    const HOSTS: usize = 200;
    run(async || {
        let mock = Mock::new();
        let manager = build(|it| it.connector(mock.clone()).max_open(HOSTS).max_per_host(1));
        let mut held = Vec::new();
        for n in 0..HOSTS {
            held.push(manager.allocate(host(n)).await.unwrap());
        }
        let busy = held.remove(0);
        let mut waiter = manager.allocate(host(0));
        arm(&mut waiter);
        held.into_iter().for_each(Lease::free);

        drop(manager.shutdown());
        assert_eq!(error(waiter.await).kind(), ErrorKind::ShutDown);
        busy.close();
        assert_eq!(manager.shutdown().await, 0);
        assert_eq!(mock.open.read().now, 0);
    });
}

#[test]
fn shutdown_answers_all_waiters_though_their_wakers_panic() {
    run(async || {
        let manager = build(|it| it.connector(Mock::stuck()));
        let mut waiters: Vec<_> = (0..200).map(|n| manager.allocate(host(n))).collect();
        waiters.iter_mut().for_each(arm);
        drop(manager.shutdown());
        assert_eq!(manager.totals().waiting, 0);
    });
}

#[test]
fn a_timeout_whose_waker_panics_delays_no_other() {
    run(async || {
        let manager = build(|it| it.connector(Mock::stuck()));
        let mut bad = manager.allocate(host(0).timeout(Duration::from_millis(20)));
        arm(&mut bad);
        let good = manager.allocate(host(1).timeout(Duration::from_millis(100)));
        assert_eq!(error(good.await).kind(), ErrorKind::Timeout);
    });
}

#[test]
fn a_runtime_that_ends_though_a_waker_panics_frees_its_permits() {
    run(async || {
        let manager = build(|it| it.connector(Mock::new()).max_per_host(1));
        let first = async || {
            let held = manager.allocate(host(0)).await.unwrap();
            let mut waiter = manager.allocate(host(0));
            arm(&mut waiter);
            (held, waiter)
        };
        let (held, waiter) = std::thread::scope(|scope| {
            let thread = scope.spawn(|| on_one_thread().block_on(first()));
            thread.join().expect("no panic")
        });
        assert_eq!(error(waiter.await).kind(), ErrorKind::Runtime);
        drop(held);
        manager.allocate(host(1)).await.unwrap().free();
    });
}

/// C2: a task that panics while it holds a lease gives the permit back.
#[test]
fn a_panic_while_holding_a_lease_closes_it_and_returns_the_permit() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_open(1));
        let pending = manager.allocate(server.request());
        let task = tokio::spawn(async move {
            let _lease = pending.await.unwrap();
            panic!("on purpose, with a lease in hand");
        });
        assert!(task.await.unwrap_err().is_panic());
        server.closed(1).await;

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "the permit is back").await;
        assert_eq!(manager.totals().leased, 1);
    });
}

/// Reads the manager's figures when it is dropped.
#[derive(Debug, thiserror::Error)]
#[error("nosy")]
struct Nosy(Manager<Mock>, Gauge);

impl Drop for Nosy {
    fn drop(&mut self) {
        self.0.totals();
        drop(self.1.enter());
    }
}

/// E3: a value in a connector's error may use the manager, also when no request takes the error.
#[test]
fn an_unread_error_may_call_the_manager_in_its_drop() {
    run_or_hang(async || {
        let (begun, goes_on, dropped) = <(Arc<Notify>, Arc<Notify>, Gauge)>::default();
        let inside = Arc::new(Mutex::new(None));
        let mock = Mock::new().connect({
            let (begun, goes_on) = (Arc::clone(&begun), Arc::clone(&goes_on));
            let (inside, dropped) = (Arc::clone(&inside), dropped.clone());
            move |attempt| {
                attempt.enter(Phase::Connect);
                let goes_on = Arc::clone(&goes_on);
                let manager: Option<Manager<Mock>> = inside.lock().unwrap().take();
                let (manager, dropped) = (manager.expect("one attempt"), dropped.clone());
                begun.notify_one();
                async move {
                    goes_on.notified().await;
                    Err(ConnectError::new("connect", Nosy(manager, dropped)))
                }
            }
        });
        let manager = build(|it| it.connector(mock));
        *inside.lock().unwrap() = Some(manager.clone());
        let pending = manager.allocate(host(0));
        begun.notified().await;
        drop(pending);
        goes_on.notify_one();
        dropped.until(|tally| tally.gone == 1).await;
        assert_eq!(manager.totals().open, 0);
    });
}
