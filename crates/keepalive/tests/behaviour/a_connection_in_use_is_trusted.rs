//! C4: the manager checks a connection that has been idle, and not one that carries leases.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use crate::support::{Mock, host};
use keepalive::Manager;

#[tokio::test(start_paused = true)]
async fn it_is_asked_only_when_all_leases_are_back() {
    let checks = Arc::new(AtomicUsize::new(0));
    let mock = Mock::shared(|| 4).check({
        let checks = Arc::clone(&checks);
        move || {
            checks.fetch_add(1, SeqCst);
            Ok(())
        }
    });
    let manager = Manager::builder().connector(mock.clone()).build().unwrap();
    let first = manager.allocate(host(0)).await.unwrap();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_millis(5)).await;
        manager.allocate(host(0)).await.unwrap().free();
    }
    assert_eq!(checks.load(SeqCst), 0);
    first.free();
    tokio::time::advance(Duration::from_millis(5)).await;
    manager.allocate(host(0)).await.unwrap().free();
    assert_eq!(checks.load(SeqCst), 1);
    assert_eq!(mock.open.read().total, 1);
}
