//! L6: a failed attempt fails one request, frees its slot once, and the next attempt runs.

use std::io::ErrorKind::ConnectionRefused;

use crate::support::{Probe, Refusing, assert_system_error, error, eventually, run};
use keepalive::{Manager, Reason};

#[test]
fn the_second_request_makes_an_attempt_of_its_own() {
    run(async || {
        let refusing = Refusing::new();
        let probe = Probe::closed();
        let manager = Manager::builder()
            .connector(probe.clone())
            .max_per_host(1)
            .build()
            .unwrap();
        let first = manager.allocate(refusing.request());
        let second = manager.allocate(refusing.request());
        probe.pass(1);
        assert_system_error(&error(first.await), "connect", ConnectionRefused);

        probe.attempts.until(|tally| tally.total == 2).await;
        let reason = second.waiting().expect("not answered").reason();
        assert_eq!(reason, Reason::Connecting);
        probe.pass(1);
        assert_system_error(&error(second.await), "connect", ConnectionRefused);
        eventually("free", || manager.totals().open == 0).await;
        assert_eq!(manager.totals().failed, 2);
        assert_eq!(probe.open.read().highest, 1);
    });
}
