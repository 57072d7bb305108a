//! C6: a connection is not kept for longer than `max_lifetime`, even if it is in constant use.

use std::time::{Duration, Instant};

use crate::support::{Server, echo, run};
use keepalive::{FromCache, Manager};

const LIFETIME: Duration = Duration::from_millis(200);

fn manager() -> Manager {
    let builder = Manager::builder().max_lifetime(LIFETIME);
    builder.lifetime_jitter(0.0).build().expect("good settings")
}

#[test]
fn an_idle_connection_is_closed_at_the_end_of_its_life() {
    run(async || {
        let server = Server::start();
        let manager = manager();
        let start = Instant::now();
        manager.allocate(server.request()).await.unwrap().free();
        let lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        lease.free();

        server.closed(1).await;
        let life = start.elapsed();
        assert!(life >= LIFETIME, "closed after {life:?}");
        assert!(life < LIFETIME * 10, "closed after {life:?}");
        let lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        assert_eq!(manager.totals().expired, 1);
    });
}

#[test]
fn a_lease_outlives_it_and_closes_when_it_comes_back() {
    run(async || {
        let server = Server::start();
        let manager = manager();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        // No event will come, so the test can only wait for the time to pass.
        tokio::time::sleep(LIFETIME * 2).await;
        echo(&mut lease, "still good").await;
        lease.free();
        server.closed(1).await;
        let lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
    });
}
