//! C4: an idle connection is checked before a request gets it, also if it is not the one that was
//! checked when the request came.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use keepalive::{
    Attempt, ConnectError, Connection, Connector, Manager, ManagerBuilder, Pending, Unusable,
};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{advance, pause};

use crate::support::{host, run_on_one_thread};

/// Connections whose peers may close them without an event of the reactor.
#[derive(Clone)]
struct Lines {
    all: Arc<Mutex<Vec<Arc<Line>>>>,
    gate: Arc<Semaphore>,
}

#[derive(Default)]
struct Line {
    closed: AtomicBool,
    /// Whether the reactor has reported the close.
    told: AtomicBool,
    watcher: Mutex<Option<Waker>>,
}

impl Lines {
    fn new() -> Self {
        Self {
            all: Arc::default(),
            gate: Arc::new(Semaphore::new(2)),
        }
    }

    fn line(&self, number: usize) -> Arc<Line> {
        Arc::clone(&self.all.lock().expect("no panic")[number])
    }

    fn close_unheard(&self) {
        let all = self.all.lock().expect("no panic");
        all.iter().for_each(|line| line.close_unheard());
    }

    /// Two connections to a host have been idle for some time.
    async fn two_idle(&self, manager: &Manager<Self>) {
        pause();
        let [one, other] = [(); 2].map(|()| manager.allocate(host(0)));
        let leases = [one.await, other.await];
        for lease in leases {
            lease.expect("a connection").free();
        }
        advance(Duration::from_millis(2)).await;
    }
}

impl Line {
    fn close_unheard(&self) {
        self.closed.store(true, SeqCst);
    }

    fn close(&self) {
        self.close_unheard();
        self.told.store(true, SeqCst);
        let watcher = self.watcher.lock().expect("no panic").take();
        watcher.expect("it is watched").wake();
    }
}

impl Connector for Lines {
    type Connection = Wire;

    async fn connect(&self, _attempt: &Attempt) -> Result<Wire, ConnectError> {
        let pass = self.gate.acquire().await;
        pass.expect("the gate is never closed for good").forget();
        let line = Arc::<Line>::default();
        self.all.lock().expect("no panic").push(Arc::clone(&line));
        Ok(Wire(line))
    }
}

struct Wire(Arc<Line>);

impl Connection for Wire {
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        *self.0.watcher.lock().expect("no panic") = Some(cx.waker().clone());
        match self.0.told.load(SeqCst) {
            true => Poll::Ready(Unusable::Closed),
            false => Poll::Pending,
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        match self.0.closed.load(SeqCst) {
            true => Err(Unusable::Closed),
            false => Ok(()),
        }
    }
}

fn build(builder: ManagerBuilder<Lines>) -> Manager<Lines> {
    builder.build().expect("settings that work")
}

/// The connection that a request is answered with is open.
async fn assert_served(pending: Pending<Lines>) {
    let lease = pending.await.expect("a connection");
    assert!(!lease.0.closed.load(SeqCst), "what is closed is handed out");
}

/// Makes a request as soon as it is woken, while the manager still processes an input.
struct Asks {
    manager: Manager<Lines>,
    pending: Mutex<Option<Pending<Lines>>>,
}

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        let pending = self.manager.allocate(host(0));
        *self.pending.lock().expect("no panic") = Some(pending);
    }
}

#[test]
fn the_connection_left_by_an_eviction_is_checked_before_its_hand_out() {
    // Only hosts of two shards show it, and a test cannot choose the shards.
    for _ in 0..8 {
        run_on_one_thread(async || {
            let lines = Lines::new();
            let builder = Manager::builder()
                .connector(lines.clone())
                .max_reuse_streak(0);
            let builder = builder.max_open(3).max_per_host(2).max_connecting(1);
            let manager = build(builder);
            lines.two_idle(&manager).await;
            let [first, _older] = [(); 2].map(|()| manager.allocate(host(1)));
            let asks = Arc::new(Asks {
                manager: manager.clone(),
                pending: Mutex::default(),
            });
            let mut first = pin!(first);
            let waker = Waker::from(Arc::clone(&asks));
            let polled = first.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());

            // The one idle longest, which would make room for the older one.
            lines.line(0).close_unheard();
            // Once the first has its connection, the older one may have an attempt of its own.
            lines.gate.add_permits(1);
            let asked = loop {
                yield_now().await;
                if let Some(asked) = asks.pending.lock().expect("no panic").take() {
                    break asked;
                }
            };
            lines.gate.add_permits(10);
            assert_served(asked).await;
        });
    }
}

#[test]
fn the_replacement_of_a_dead_connection_is_checked_before_its_hand_out() {
    run_on_one_thread(async || {
        let lines = Lines::new();
        let manager = build(Manager::builder().connector(lines.clone()));
        lines.two_idle(&manager).await;
        let pending = manager.allocate(host(0));
        lines.line(0).close_unheard();
        lines.line(1).close();
        lines.gate.add_permits(1);
        assert_served(pending).await;
    });
}

#[test]
fn a_connection_from_a_withdrawn_request_is_checked_for_the_next_waiter() {
    run_on_one_thread(async || {
        let lines = Lines::new();
        let builder = Manager::builder().connector(lines.clone());
        let manager = build(builder.max_open(2));
        lines.two_idle(&manager).await;
        let [one, other, next] = [(); 3].map(|()| manager.allocate(host(0)));
        lines.close_unheard();
        drop((one, other));
        lines.gate.add_permits(1);
        assert_served(next).await;
    });
}

#[test]
fn a_connection_from_a_withdrawn_request_is_checked_for_a_later_request() {
    run_on_one_thread(async || {
        let lines = Lines::new();
        let manager = build(Manager::builder().connector(lines.clone()));
        lines.two_idle(&manager).await;
        let answered = [(); 2].map(|()| manager.allocate(host(0)));
        lines.close_unheard();
        drop(answered);
        lines.gate.add_permits(1);
        assert_served(manager.allocate(host(0))).await;
    });
}
