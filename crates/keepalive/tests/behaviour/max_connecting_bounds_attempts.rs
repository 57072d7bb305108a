//! L7, W1: `max_connecting` bounds attempts in flight, over all hosts.

use crate::support::{Probe, Server, echo, run};
use keepalive::{Manager, Reason};

#[test]
fn never_more_attempts_than_allowed_and_all_are_served() {
    run(async || {
        let server = Server::start();
        let probe = Probe::closed();
        let manager = Manager::builder()
            .connector(probe.clone())
            .max_connecting(2)
            .build()
            .unwrap();
        let pending: Vec<_> = (0..6)
            .map(|host| manager.allocate(server.request().partition(format!("host {host}"))))
            .collect();
        probe.attempts.until(|tally| tally.now == 2).await;
        let totals = manager.totals();
        assert_eq!((totals.connecting, totals.waiting), (2, 6));
        for waiting in &pending[2..] {
            let reason = waiting.waiting().expect("a reason").reason();
            let limit = Reason::ConnectLimit {
                connecting: 2,
                max: 2,
            };
            assert_eq!(reason, limit);
        }

        probe.pass(6);
        for pending in pending {
            let mut lease = pending.await.unwrap();
            echo(&mut lease.stream, "connected").await;
            lease.free();
        }
        let attempts = probe.attempts.read();
        assert_eq!((attempts.highest, attempts.total), (2, 6));
    });
}
