//! T1, T2: a request to a peer that never answers times out, and its slot then serves others.

use std::io::ErrorKind::TimedOut;
use std::time::{Duration, Instant};

use crate::support::{Server, Silent, assert_system_error, echo, error, run};
use keepalive::{ErrorKind, Manager, Reason};

#[test]
fn a_timeout_while_connecting_frees_the_slot() {
    run(async || {
        let (silent, server) = (Silent::start().await, Server::start());
        let manager = Manager::builder().max_open(1).build().unwrap();

        let limit = Duration::from_millis(50);
        let start = Instant::now();
        let late = error(manager.allocate(silent.request().timeout(limit)).await);
        assert!(start.elapsed() >= limit);
        assert_eq!(late.kind(), ErrorKind::Timeout);
        assert_system_error(&late, "connect", TimedOut);
        let waiting = late.waiting().expect("a reason");
        assert_eq!(waiting.reason(), Reason::Connecting);
        let timing = late.timing();
        assert!(timing.connect > Duration::ZERO, "{timing:?}");
        assert!(timing.total() >= limit, "{timing:?}");

        assert_eq!(manager.totals().connecting, 1, "its attempt goes on");
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "the slot is back").await;
        assert_eq!(manager.totals().timed_out, 1);
    });
}
