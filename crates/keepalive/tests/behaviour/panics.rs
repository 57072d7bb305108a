//! E3: panics of users' code in connectors, connections, wakers and drops.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use keepalive::{
    Attempt, ConnectError, Connection, Connector, ErrorKind, FromCache, Manager, NetConnector,
    NetStream, Pending, Phase, Request, Unusable,
};
use tokio::runtime::Builder;
use tokio::sync::Notify;

use crate::support::{Gauge, Mock, Server, build, echo, error, eventually, host, run, run_or_hang};

struct Shaky(NetConnector);

impl Connector for Shaky {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        assert!(attempt.host().scheme() != "panic", "as planned");
        self.0.connect(attempt).await
    }
}

/// E3: a connector that panics fails its own attempt, and nothing else.
#[test]
fn a_panicking_connector_fails_one_request_and_keeps_no_slot() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_open(1).connector(Shaky(NetConnector::new())));
        let request = Request::new("panic", "127.0.0.1", server.port()).unwrap();
        let error = error(manager.allocate(request).await);
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert_eq!(error.function(), "connect");
        assert_eq!(error.error_str(), "the connector panicked");
        assert_eq!(manager.totals().open, 0);

        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "the slot is free").await;
    });
}

struct Bad;

impl Drop for Bad {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("as planned");
        }
    }
}

/// E3: a value from the user may panic when it is dropped; the slot still comes back.
#[test]
fn a_context_that_panics_in_its_drop_loses_no_slot() {
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

struct BadError(Bad);

impl fmt::Debug for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad")
    }
}

impl fmt::Display for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad")
    }
}

impl std::error::Error for BadError {}

#[test]
fn an_unread_error_that_panics_in_its_drop_loses_no_slot() {
    run(async || {
        let attempts = AtomicUsize::new(0);
        let mock = Mock::new().connect(move || match attempts.fetch_add(1, SeqCst) {
            0 => Poll::Ready(Err(ConnectError::new("connect", BadError(Bad)))),
            _ => Poll::Ready(Ok(())),
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

/// Connections whose handles panic when they are dropped, with a capacity that can be set.
#[derive(Clone)]
struct Handles(Arc<AtomicUsize>);

struct Handle {
    capacity: Arc<AtomicUsize>,
    _bad: Option<Bad>,
}

impl Connector for Handles {
    type Connection = Handle;

    async fn connect(&self, _: &Attempt) -> Result<Handle, ConnectError> {
        let capacity = Arc::clone(&self.0);
        Ok(Handle {
            capacity,
            _bad: None,
        })
    }
}

impl Connection for Handle {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.capacity.load(SeqCst)
    }

    fn share(&self) -> Option<Self> {
        Some(Self {
            capacity: Arc::clone(&self.capacity),
            _bad: Some(Bad),
        })
    }
}

#[test]
fn a_shared_handle_that_panics_in_its_drop_loses_no_slot() {
    run(async || {
        let capacity = Arc::new(AtomicUsize::new(1));
        let connector = Handles(Arc::clone(&capacity));
        let manager = build(|it| it.connector(connector).max_per_host(1));
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

/// The next request gets a new connection, in the slot of the one that panicked.
async fn assert_slot_is_back(manager: &Manager<Mock>, mock: &Mock) {
    eventually("the slot is back", || manager.totals().open == 0).await;
    let lease = manager.allocate(host(1)).await.expect("a connection");
    assert_eq!(lease.from_cache(), None);
    let tally = mock.open.read();
    assert_eq!((tally.now, tally.total, tally.highest), (1, 2, 1));
}

/// E3: a connection whose methods panic is closed; its slot is free, and others go on.
#[test]
fn a_panic_of_capacity_counts_as_one() {
    run(async || {
        let mock = Mock::new().capacity(|| panic!("as planned"));
        let manager = one_slot(&mock);
        let first = manager.allocate(host(0)).await.unwrap();
        let second = manager.allocate(host(0));
        assert!(second.waiting().is_some());
        first.free();
        let second = second.await.unwrap();
        assert_eq!(second.from_cache(), Some(FromCache::Deferred));
    });
}

#[test]
fn a_panic_of_share_means_one_lease_at_a_time() {
    run(async || {
        let mock = Mock::new().capacity(|| 3).share(|| panic!("as planned"));
        let manager = one_slot(&mock);
        let first = manager.allocate(host(0)).await.unwrap();
        let second = manager.allocate(host(0));
        assert!(second.waiting().is_some());
        first.free();
        let second = second.await.unwrap();
        assert_eq!(second.from_cache(), Some(FromCache::Deferred));
    });
}

#[test]
fn a_panic_of_poll_close_ends_the_closing() {
    run(async || {
        let mock = Mock::new().close(|| panic!("as planned"));
        let manager = one_slot(&mock);
        manager.allocate(host(0)).await.unwrap().close();
        assert_slot_is_back(&manager, &mock).await;
    });
}

#[test]
fn a_panic_of_poll_unusable_closes_the_connection() {
    run(async || {
        let mock = Mock::new().watch(|| panic!("as planned"));
        let manager = one_slot(&mock);
        manager.allocate(host(0)).await.unwrap().free();
        assert_slot_is_back(&manager, &mock).await;
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
        let lease = manager.allocate(host(0)).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        let tally = mock.open.read();
        assert_eq!((tally.now, tally.total, tally.highest), (1, 2, 1));
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
        held.into_iter().for_each(keepalive::Lease::free);

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
fn a_runtime_that_ends_though_a_waker_panics_frees_its_slots() {
    run(async || {
        let manager = build(|it| it.connector(Mock::new()).max_per_host(1));
        let first = async || {
            let held = manager.allocate(host(0)).await.unwrap();
            let mut waiter = manager.allocate(host(0));
            arm(&mut waiter);
            (held, waiter)
        };
        let (held, waiter) = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let runtime = Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(first())
            });
            thread.join().expect("no panic")
        });
        assert_eq!(error(waiter.await).kind(), ErrorKind::Runtime);
        drop(held);
        manager.allocate(host(1)).await.unwrap().free();
    });
}

/// C2: a task that panics while it holds a lease gives the slot back.
#[test]
fn a_panic_while_holding_a_lease_closes_it_and_returns_the_slot() {
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
        echo(&mut lease, "the slot is back").await;
        assert_eq!(manager.totals().leased, 1);
    });
}

/// Fails when it is notified, with an error that contains the manager.
#[derive(Clone, Default)]
struct Fails {
    manager: Arc<Mutex<Option<Manager<Fails>>>>,
    begun: Arc<Notify>,
    goes_on: Arc<Notify>,
    dropped: Gauge,
}

impl Connector for Fails {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        attempt.enter(Phase::Connect);
        self.begun.notify_one();
        self.goes_on.notified().await;
        let manager = self.manager.lock().unwrap().take().expect("one attempt");
        let nosy = Nosy(manager, self.dropped.clone());
        Err(ConnectError::new("connect", nosy))
    }
}

/// Reads the manager's figures when it is dropped.
struct Nosy(Manager<Fails>, Gauge);

impl fmt::Debug for Nosy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nosy")
    }
}

impl fmt::Display for Nosy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nosy")
    }
}

impl std::error::Error for Nosy {}

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
        let connector = Fails::default();
        let manager = build(|it| it.connector(connector.clone()));
        *connector.manager.lock().unwrap() = Some(manager.clone());
        let pending = manager.allocate(host(0));
        connector.begun.notified().await;
        drop(pending);
        connector.goes_on.notify_one();
        connector.dropped.until(|tally| tally.gone == 1).await;
        assert_eq!(manager.totals().open, 0);
    });
}
