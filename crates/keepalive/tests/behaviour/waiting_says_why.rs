//! W1: a pending request reports why it waits, and for how long.

use crate::support::{Probe, Server, run};
use keepalive::{Manager, Phase, Reason};

#[test]
fn a_full_host_is_the_reason() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(2).build().unwrap();
        let first = manager.allocate(server.request()).await.unwrap();
        let _second = manager.allocate(server.request()).await.unwrap();
        let pending = manager.allocate(server.request());

        let waiting = pending.waiting().expect("a reason");
        assert_eq!(waiting.reason(), Reason::HostLimit { in_use: 2, max: 2 });
        let later = manager.waiting(pending.id()).expect("by its id, too");
        assert_eq!(later.reason(), waiting.reason());
        assert!(later.elapsed() >= waiting.elapsed());
        assert!(!waiting.to_string().is_empty());

        let id = pending.id();
        first.free();
        let _lease = pending.await.unwrap();
        assert!(manager.waiting(id).is_none(), "it waits no more");
    });
}

#[test]
fn a_full_manager_is_the_reason() {
    run(async || {
        let (server, other) = (Server::start(), Server::start());
        let manager = Manager::builder().max_open(1).build().unwrap();
        let _held = manager.allocate(server.request()).await.unwrap();
        let pending = manager.allocate(other.request());
        let reason = pending.waiting().expect("a reason").reason();
        assert_eq!(reason, Reason::TotalLimit { open: 1, max: 1 });
    });
}

#[test]
fn each_phase_of_an_attempt_is_the_reason() {
    run(async || {
        for (phase, reason) in [
            (Phase::Resolve, Reason::Resolving),
            (Phase::Connect, Reason::Connecting),
            (Phase::Proxy, Reason::Tunnelling),
            (Phase::Tls, Reason::Handshaking),
        ] {
            let server = Server::start();
            let probe = Probe::closed_in(phase);
            let manager = Manager::builder().connector(probe.clone());
            let manager = manager.build().unwrap();
            let pending = manager.allocate(server.request());
            probe.attempts.until(|tally| tally.now == 1).await;
            assert_eq!(pending.waiting().expect("a reason").reason(), reason);
            probe.pass(1);
            pending.await.unwrap().free();
        }
    });
}
