//! C7: a lease stays usable during a shutdown, which ends when the lease returns or time is up.

#![cfg(target_os = "linux")]

use std::pin::pin;
use std::time::{Duration, Instant};

use crate::support::{Server, descriptors_to, echo, poll_once, run};
use keepalive::Manager;

#[test]
fn a_lease_is_used_and_dropped_and_then_the_shutdown_completes() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let mut held = manager.allocate(server.request()).await.unwrap();
        let idle = manager.allocate(server.request()).await.unwrap();
        idle.free();

        let mut shutdown = pin!(manager.shutdown());
        assert!(poll_once(shutdown.as_mut()).is_pending());
        server.closed(1).await;
        echo(&mut held, "after the shutdown began").await;
        assert!(poll_once(shutdown.as_mut()).is_pending());
        drop(held);
        assert_eq!(shutdown.await, 0);
        assert_eq!(descriptors_to(server.port()), 0);
        assert_eq!(manager.totals().open, 0);
    });
}

#[test]
fn a_shutdown_within_a_time_says_how_many_are_still_out() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let mut held = manager.allocate(server.request()).await.unwrap();

        let limit = Duration::from_millis(50);
        let start = Instant::now();
        assert_eq!(manager.shutdown().within(limit).await, 1);
        assert!(start.elapsed() >= limit);
        echo(&mut held, "out, and still good").await;
        held.free();
        assert_eq!(manager.shutdown().await, 0);
        assert_eq!(descriptors_to(server.port()), 0);
    });
}
