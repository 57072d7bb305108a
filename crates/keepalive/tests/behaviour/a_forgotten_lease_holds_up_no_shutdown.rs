//! C7: a leaked lease keeps its slot, and delays a shutdown only until its time limit.

use std::time::{Duration, Instant};

use crate::support::{Server, echo, run};
use keepalive::Manager;

#[test]
fn a_shutdown_within_a_time_ends_in_that_time_and_counts_it() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(2).build().unwrap();
        std::mem::forget(manager.allocate(server.request()).await.unwrap());
        assert_eq!(manager.leases().len(), 1);

        for turn in 0..3 {
            let mut lease = manager.allocate(server.request()).await.unwrap();
            echo(&mut lease, "the other slot works").await;
            assert_eq!(lease.from_cache().is_some(), turn > 0);
            lease.free();
        }

        let start = Instant::now();
        let limit = Duration::from_millis(50);
        assert_eq!(manager.shutdown().within(limit).await, 1);
        assert!(start.elapsed() >= limit);
        let totals = manager.totals();
        assert_eq!((totals.open, totals.leased, totals.idle), (1, 1, 0));
    });
}
