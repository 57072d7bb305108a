//! T1, T2: a resolver that never answers makes its request time out, and delays no other.

use std::io::ErrorKind::TimedOut;
use std::time::Duration;

use crate::support::{Names, Probe, Server, assert_system_error, error, eventually, run};
use keepalive::{ErrorKind, Manager, Phase, Reason};

#[test]
fn the_error_names_the_phase_and_the_slot_is_free() {
    run(async || {
        let (server, probe) = (Server::start(), Probe::closed_in(Phase::Resolve));
        let manager = Manager::builder().connector(probe.clone()).max_open(1);
        let manager = manager.build().unwrap();
        let request = server.request_at("localhost");
        let late = manager.allocate(request.timeout(Duration::from_millis(30)));
        let late = error(late.await);
        assert_eq!(late.kind(), ErrorKind::Timeout);
        assert_system_error(&late, "resolve", TimedOut);
        assert_eq!(late.waiting().unwrap().reason(), Reason::Resolving);
        assert!(late.timing().resolve > Duration::ZERO);

        eventually("free", || manager.totals().open == 0).await;
        assert_eq!(probe.attempts.read().now, 0, "it is withdrawn");
        probe.pass(1);
        manager.allocate(server.request()).await.unwrap().free();
    });
}

#[test]
fn a_resolver_that_never_answers_holds_nothing() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]).closed());
        let net = names.net().max_lookups(1);
        let manager = Manager::builder().connector(net).build().unwrap();
        let request = |name: &str| server.request_at(name);
        let late = manager.allocate(request("slow.test").timeout(Duration::from_millis(30)));
        assert_system_error(&error(late.await), "resolve", TimedOut);
        names.lookups.until(|tally| tally.now == 0).await;
        names.pass(1);
        manager
            .allocate(request("example.test"))
            .await
            .unwrap()
            .close();
    });
}
