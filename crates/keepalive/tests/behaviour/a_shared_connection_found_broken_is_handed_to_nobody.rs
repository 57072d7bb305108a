//! C4: a request does not get its assigned share of a connection after a check for another request
//! has failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::support::{Mock, eventually, host, run_on_one_thread};
use keepalive::{Manager, Unusable};

#[test]
fn not_even_if_it_was_promised_before() {
    // On one thread, the watcher does not run first.
    run_on_one_thread(async || {
        let broken = Arc::new(AtomicBool::new(false));
        let mock = Mock::shared(|| 2).check({
            let broken = Arc::clone(&broken);
            move || match broken.swap(false, SeqCst) {
                true => Err(Unusable::Closed),
                false => Ok(()),
            }
        });
        let manager = Manager::builder().connector(mock.clone());
        // With one attempt at a time, the first request does not start its own when queued again.
        let manager = manager.max_per_host(2).max_connecting(1);
        let manager = manager.build().unwrap();
        let first = manager.allocate(host(0));
        eventually("answered", || first.waiting().is_none()).await;

        let second = manager.allocate(host(0));
        eventually("answered", || second.waiting().is_none()).await;

        // The watch has fired, so the connection is checked before the first request gets it.
        mock.wake_watchers();
        broken.store(true, SeqCst);
        let first = first.await.unwrap();
        assert!(!broken.load(SeqCst), "it was checked");
        let _leases = (first, second.await.unwrap());
        let tally = mock.open.read();
        assert_eq!((tally.now, tally.total), (1, 2));
    });
}
