//! `NetConnector::connect_timeout` bounds an attempt, and not the wait before it.

use std::io::ErrorKind::TimedOut;
use std::time::{Duration, Instant};

use crate::support::{Server, Silent, assert_system_error, echo, error, run};
use keepalive::{ErrorKind, Manager, NetConnector};

const LIMIT: Duration = Duration::from_millis(50);

fn manager() -> Manager {
    let net = NetConnector::new().connect_timeout(LIMIT);
    Manager::builder()
        .max_per_host(1)
        .connector(net)
        .build()
        .expect("sound settings")
}

#[test]
fn an_attempt_that_is_too_slow_fails_by_its_phase() {
    run(async || {
        let (silent, manager) = (Silent::start().await, manager());
        let start = Instant::now();
        let late = error(manager.allocate(silent.request()).await);
        assert!(start.elapsed() >= LIMIT);
        assert_eq!(late.kind(), ErrorKind::Connect);
        assert_system_error(&late, "connect", TimedOut);
        assert!(late.to_string().contains("not open within 50ms"), "{late}");
        assert_eq!(manager.totals().open, 0);
    });
}

#[test]
fn the_wait_for_a_turn_does_not_count() {
    run(async || {
        let (server, manager) = (Server::start(), manager());
        let held = manager.allocate(server.request()).await.unwrap();
        let waiting = manager.allocate(server.request());
        let freed = async {
            tokio::time::sleep(2 * LIMIT).await;
            held.close();
        };
        let (waited, ()) = tokio::join!(waiting, freed);
        echo(&mut waited.unwrap(), "in its turn").await;
    });
}
