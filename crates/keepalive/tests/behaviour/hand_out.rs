//! C4: an idle connection is checked before a request gets it, also if it is not the one that was
//! checked when the request came.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use keepalive::{Connection, Manager, Pending};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{advance, pause};

use crate::support::{Mock, build, host, run_on_one_thread};

/// A connector that opens two connections, and further ones as its gate lets them pass.
fn gated() -> (Mock, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(2));
    let passes = Arc::clone(&gate);
    let mock = Mock::new().connect(move |_| {
        let gate = Arc::clone(&passes);
        async move {
            let pass = gate.acquire().await;
            pass.expect("the gate is never closed for good").forget();
            Ok(())
        }
    });
    (mock, gate)
}

/// Two connections to a host have been idle for some time.
async fn two_idle(manager: &Manager<Mock>) {
    pause();
    let [one, other] = [(); 2].map(|()| manager.allocate(host(0)));
    let leases = [one.await, other.await];
    for lease in leases {
        lease.expect("a connection").free();
    }
    advance(Duration::from_millis(2)).await;
}

/// The connection that a request is answered with is open.
async fn assert_served(pending: Pending<Mock>) {
    let mut lease = pending.await.expect("a connection");
    assert!(lease.check().is_ok(), "what is closed is handed out");
}

/// Makes a request as soon as it is woken, while the manager still processes an input.
struct Asks {
    manager: Manager<Mock>,
    pending: Mutex<Option<Pending<Mock>>>,
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
            let (mock, gate) = gated();
            let manager = build(|it| {
                let it = it.connector(mock.clone()).max_reuse_streak(0);
                it.max_open(3).max_per_host(2).max_connecting(1)
            });
            two_idle(&manager).await;
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
            mock.peer_closes_unheard(1..=1);
            // Once the first has its connection, the older one may have an attempt of its own.
            gate.add_permits(1);
            let asked = loop {
                yield_now().await;
                if let Some(asked) = asks.pending.lock().expect("no panic").take() {
                    break asked;
                }
            };
            gate.add_permits(10);
            assert_served(asked).await;
        });
    }
}

#[test]
fn the_replacement_of_a_dead_connection_is_checked_before_its_hand_out() {
    run_on_one_thread(async || {
        let (mock, gate) = gated();
        let manager = build(|it| it.connector(mock.clone()));
        two_idle(&manager).await;
        let pending = manager.allocate(host(0));
        mock.peer_closes_unheard(1..=1);
        mock.peer_closes_some(2..=2);
        gate.add_permits(1);
        assert_served(pending).await;
    });
}

#[test]
fn a_connection_from_a_withdrawn_request_is_checked_for_the_next_waiter() {
    run_on_one_thread(async || {
        let (mock, gate) = gated();
        let manager = build(|it| it.connector(mock.clone()).max_open(2));
        two_idle(&manager).await;
        let [one, other, next] = [(); 3].map(|()| manager.allocate(host(0)));
        mock.peer_closes_unheard(1..=2);
        drop((one, other));
        gate.add_permits(1);
        assert_served(next).await;
    });
}

#[test]
fn a_connection_from_a_withdrawn_request_is_checked_for_a_later_request() {
    run_on_one_thread(async || {
        let (mock, gate) = gated();
        let manager = build(|it| it.connector(mock.clone()));
        two_idle(&manager).await;
        let answered = [(); 2].map(|()| manager.allocate(host(0)));
        mock.peer_closes_unheard(1..=2);
        drop(answered);
        gate.add_permits(1);
        assert_served(manager.allocate(host(0))).await;
    });
}
