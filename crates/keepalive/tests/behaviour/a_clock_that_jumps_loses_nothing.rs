//! T1, C5: after a jump of the clock, as when a machine wakes up, each due event happens once.

use std::time::Duration;

use crate::support::{Mock, error, host};
use keepalive::{ErrorKind, Manager};
use tokio::time::advance;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(start_paused = true)]
async fn waiters_time_out_idle_connections_go_and_leases_stay() {
    for jump in [DAY, 365 * DAY, 10 * 365 * DAY] {
        let mock = Mock::new();
        let manager = Manager::builder().connector(mock.clone()).max_per_host(1);
        let manager = manager.build().unwrap();
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
async fn an_attempt_under_way_ends_with_its_deadline() {
    let manager = Manager::builder().connector(Mock::stuck()).build().unwrap();
    let pending = manager.allocate(host(0));
    tokio::task::yield_now().await;
    advance(365 * DAY).await;
    let late = error(pending.await);
    assert_eq!(late.kind(), ErrorKind::Timeout);
    assert_eq!(manager.shutdown().await, 0);
    assert_eq!(manager.totals().open, 0);
}
