//! L5: a request whose attempt is slow takes a connection that comes back meanwhile.

use crate::support::{Probe, Server, echo, eventually, run};
use keepalive::{FromCache, Manager};

#[test]
fn the_attempt_that_nobody_needs_any_more_is_cancelled_if_it_is_told_to() {
    run(async || {
        let server = Server::start();
        let probe = Probe::closed();
        let manager = Manager::builder()
            .connector(probe.clone())
            .keep_unneeded_attempts(false)
            .build()
            .unwrap();
        probe.pass(1);
        let held = manager.allocate(server.request()).await.unwrap();
        let waiting = manager.allocate(server.request());
        probe.attempts.until(|tally| tally.total == 2).await;

        held.free();
        let mut lease = waiting.await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
        echo(&mut lease.stream, "in time").await;
        probe.attempts.until(|tally| tally.now == 0).await;
        eventually("free", || manager.totals().open == 1).await;
        assert_eq!(probe.open.read().now, 1);
    });
}

#[test]
fn the_attempt_finishes_into_the_cache() {
    run(async || {
        let server = Server::start();
        let probe = Probe::closed();
        let manager = Manager::builder().connector(probe.clone()).build().unwrap();
        probe.pass(1);
        let held = manager.allocate(server.request()).await.unwrap();
        let waiting = manager.allocate(server.request());
        probe.attempts.until(|tally| tally.total == 2).await;

        held.free();
        let _lease = waiting.await.unwrap();
        probe.pass(1);
        eventually("idle", || manager.totals().idle == 1).await;
        let mut unused = manager.allocate(server.request()).await.unwrap();
        echo(&mut unused.stream, "finished").await;
        assert_eq!(probe.open.read().total, 2);
    });
}
