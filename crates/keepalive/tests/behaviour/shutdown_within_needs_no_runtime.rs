//! C7: outside of a runtime, `shutdown().within` returns the number of leases out at once.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::support::{Mock, host, poll_once};
use keepalive::Manager;
use tokio::runtime::Builder;

#[test]
fn a_shutdown_within_some_time_is_ready_at_once() {
    let manager = Manager::builder().connector(Mock::new()).build().unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let lease = runtime.block_on(async { manager.allocate(host(0)).await.unwrap() });
    let shutdown = || manager.shutdown().within(Duration::from_secs(60));
    assert_eq!(poll_once(pin!(shutdown())), Poll::Ready(1));
    lease.free();
    assert_eq!(poll_once(pin!(shutdown())), Poll::Ready(0));
}

#[test]
fn a_runtime_without_timers_is_as_good_as_none() {
    let manager = Manager::builder().connector(Mock::new()).build().unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let lease = runtime.block_on(async { manager.allocate(host(0)).await.unwrap() });
    let shutdown = manager.shutdown().within(Duration::from_secs(60));
    let untimed = Builder::new_current_thread().build().unwrap();
    assert_eq!(untimed.block_on(shutdown), 1);
    drop(lease);
}
