//! M2: with `keep_alive` zero nothing is cached.

use std::time::Duration;

use crate::support::{Server, echo, run};
use keepalive::Manager;

#[test]
fn every_connection_is_fresh_and_closed_when_it_comes_back() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder()
            .keep_alive(Duration::ZERO)
            .build()
            .unwrap();
        for round in 1..=3 {
            let mut lease = manager.allocate(server.request()).await.unwrap();
            assert_eq!(lease.from_cache(), None);
            echo(&mut lease, "once").await;
            lease.free();
            assert_eq!(manager.totals().idle, 0);
            server.closed(round).await;
        }
    });
}
