//! T3: dropping a pending request frees its place, and passes its connection to the next one.

use crate::support::{Probe, Server, echo, run};
use keepalive::{FromCache, Manager};

#[test]
fn the_place_of_a_dropped_waiter_is_free() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let held = manager.allocate(server.request()).await.unwrap();
        let dropped = manager.allocate(server.request());
        let next = manager.allocate(server.request());
        assert_eq!(manager.totals().waiting, 2);
        drop(dropped);
        assert_eq!(manager.totals().waiting, 1);

        held.free();
        let mut next = next.await.unwrap();
        assert_eq!(next.from_cache(), Some(FromCache::Deferred));
        echo(&mut next, "served").await;
    });
}

#[test]
fn a_connection_assigned_to_a_dropped_waiter_goes_to_the_next() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let held = manager.allocate(server.request()).await.unwrap();
        let dropped = manager.allocate(server.request());
        let next = manager.allocate(server.request());

        held.free();
        assert_eq!(manager.totals().waiting, 1, "the first has its answer");
        drop(dropped);
        let mut next = next.await.unwrap();
        assert_eq!(next.from_cache(), Some(FromCache::Deferred));
        echo(&mut next, "served").await;
        assert_eq!(server.connections.read().total, 1);
    });
}

#[test]
fn a_new_connection_whose_waiter_was_dropped_goes_to_the_next() {
    run(async || {
        let server = Server::start();
        let probe = Probe::closed();
        let manager = Manager::builder()
            .connector(probe.clone())
            .max_per_host(1)
            .build()
            .unwrap();
        let dropped = manager.allocate(server.request());
        let next = manager.allocate(server.request());
        probe.attempts.until(|tally| tally.now == 1).await;
        drop(dropped);
        probe.pass(1);

        let mut next = next.await.unwrap();
        assert_eq!(next.from_cache(), None, "nobody has used it");
        echo(&mut next.stream, "served").await;
        assert_eq!(
            probe.open.read().total,
            1,
            "the attempt was not begun again"
        );
    });
}
