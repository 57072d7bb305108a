//! C5: a connection that is idle for longer than `keep_alive` is closed, with no traffic needed.

#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use crate::support::{Server, descriptors_to, echo, eventually, run};
use keepalive::Manager;

const KEEP_ALIVE: Duration = Duration::from_secs(1);

#[test]
fn idle_connections_are_closed_in_time_and_the_next_are_fresh() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().keep_alive(KEEP_ALIVE).build().unwrap();
        let first = manager.allocate(server.request()).await.unwrap();
        let second = manager.allocate(server.request()).await.unwrap();
        assert_eq!(descriptors_to(server.port()), 2);

        let freed = Instant::now();
        first.free();
        second.free();
        assert_eq!(manager.totals().idle, 2);
        server.closed(2).await;
        let idle = freed.elapsed();
        assert!(idle >= KEEP_ALIVE, "closed after {idle:?}");
        assert!(idle < KEEP_ALIVE * 2, "closed after {idle:?}");
        eventually("closed", || descriptors_to(server.port()) == 0).await;
        eventually("counted", || manager.totals().open == 0).await;
        assert_eq!(manager.totals().expired, 2);

        let (first, second) = tokio::join!(
            manager.allocate(server.request()),
            manager.allocate(server.request()),
        );
        for lease in [first, second] {
            let mut lease = lease.unwrap();
            assert_eq!(lease.from_cache(), None);
            echo(&mut lease, "fresh").await;
        }
    });
}
