//! E3: a waker that panics does not stop the work of the call that wakes it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use crate::support::{Mock, error, host, run};
use keepalive::{ErrorKind, FromCache, Manager, Pending};
use tokio::runtime::Builder;

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

#[test]
fn a_freed_connection_is_there_for_its_waiter() {
    run(async || {
        let manager = Manager::builder().connector(Mock::new()).max_open(1);
        let manager = manager.build().unwrap();
        let held = manager.allocate(host(0)).await.unwrap();
        let mut waiter = manager.allocate(host(0));
        arm(&mut waiter);
        held.free();
        let lease = waiter.await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
    });
}

#[test]
fn a_shutdown_closes_what_is_idle() {
    // Enough hosts that some share their shard with the waiter's host.
    const HOSTS: usize = 200;
    run(async || {
        let mock = Mock::new();
        let manager = Manager::builder().connector(mock.clone()).max_open(HOSTS);
        let manager = manager.max_per_host(1).build().unwrap();
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
fn a_shutdown_answers_everybody() {
    run(async || {
        let manager = Manager::builder().connector(Mock::stuck()).build().unwrap();
        let mut waiters: Vec<_> = (0..200).map(|n| manager.allocate(host(n))).collect();
        waiters.iter_mut().for_each(arm);
        drop(manager.shutdown());
        assert_eq!(manager.totals().waiting, 0);
    });
}

#[test]
fn a_timeout_of_one_request_is_no_matter_of_others() {
    run(async || {
        let manager = Manager::builder().connector(Mock::stuck()).build().unwrap();
        let mut bad = manager.allocate(host(0).timeout(Duration::from_millis(20)));
        arm(&mut bad);
        let good = manager.allocate(host(1).timeout(Duration::from_millis(100)));
        assert_eq!(error(good.await).kind(), ErrorKind::Timeout);
    });
}

#[test]
fn a_runtime_that_goes_leaves_room_for_the_next() {
    run(async || {
        let manager = Manager::builder().connector(Mock::new()).max_per_host(1);
        let manager = manager.build().unwrap();
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
