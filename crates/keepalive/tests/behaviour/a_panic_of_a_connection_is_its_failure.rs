//! E3: a connection whose methods panic is closed; its slot is free, and others go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use crate::support::{Mock, eventually, host, run};
use keepalive::{FromCache, Manager};

/// A manager with room for one connection.
fn manager(mock: &Mock) -> Manager<Mock> {
    let manager = Manager::builder().connector(mock.clone()).max_open(1);
    manager.build().expect("settings that work")
}

/// The next request gets a new connection, in the slot of the one that panicked.
async fn the_slot_is_back(manager: &Manager<Mock>, mock: &Mock) {
    eventually("the slot is back", || manager.totals().open == 0).await;
    let lease = manager.allocate(host(1)).await.expect("a connection");
    assert_eq!(lease.from_cache(), None);
    let tally = mock.open.read();
    assert_eq!((tally.now, tally.total, tally.highest), (1, 2, 1));
}

#[test]
fn a_panic_of_capacity_counts_as_one() {
    run(async || {
        let mock = Mock::new().capacity(|| panic!("as planned"));
        let manager = manager(&mock);
        let first = manager.allocate(host(0)).await.unwrap();
        let second = manager.allocate(host(0));
        assert!(second.waiting().is_some());
        first.free();
        let second = second.await.unwrap();
        assert_eq!(second.from_cache(), Some(FromCache::Deferred));
    });
}

#[test]
fn a_panic_of_share_means_one_user_at_a_time() {
    run(async || {
        let mock = Mock::new().capacity(|| 3).share(|| panic!("as planned"));
        let manager = manager(&mock);
        let first = manager.allocate(host(0)).await.unwrap();
        let second = manager.allocate(host(0));
        assert!(second.waiting().is_some());
        first.free();
        let second = second.await.unwrap();
        assert_eq!(second.from_cache(), Some(FromCache::Deferred));
    });
}

#[test]
fn a_panic_of_poll_close_is_the_end_of_closing() {
    run(async || {
        let mock = Mock::new().close(|| panic!("as planned"));
        let manager = manager(&mock);
        manager.allocate(host(0)).await.unwrap().close();
        the_slot_is_back(&manager, &mock).await;
    });
}

#[test]
fn a_panic_of_poll_unusable_is_an_end() {
    run(async || {
        let mock = Mock::new().watch(|| panic!("as planned"));
        let manager = manager(&mock);
        manager.allocate(host(0)).await.unwrap().free();
        the_slot_is_back(&manager, &mock).await;
    });
}

#[test]
fn a_panic_of_check_is_an_end() {
    run(async || {
        let mock = Mock::new().check(|| panic!("as planned"));
        let manager = manager(&mock);
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
fn a_panic_while_it_is_idle_disturbs_nobody() {
    run(async || {
        let broken = Arc::new(AtomicBool::new(false));
        let mock = Mock::new().watch({
            let broken = Arc::clone(&broken);
            move || {
                assert!(!broken.load(SeqCst), "as planned");
                Poll::Pending
            }
        });
        let manager = Manager::builder().connector(mock.clone()).max_per_host(1);
        let manager = manager.build().unwrap();
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
