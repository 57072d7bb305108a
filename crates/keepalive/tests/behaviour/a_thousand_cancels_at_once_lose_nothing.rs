//! T3, L8: after any number of requests are cancelled at once, the others are served as usual.

use crate::support::{Server, echo, run};
use keepalive::{FromCache, Manager};

#[test]
fn a_thousand_withdraw_and_the_two_between_them_are_served() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let held = manager.allocate(server.request()).await.unwrap();
        let ask = |count: usize| -> Vec<_> {
            (0..count)
                .map(|_| manager.allocate(server.request()))
                .collect()
        };
        let before = ask(500);
        let first = manager.allocate(server.request());
        let between = ask(400);
        let second = manager.allocate(server.request());
        let after = ask(100);
        assert_eq!(manager.totals().waiting, 1_002);

        for pending in &between {
            assert!(manager.cancel(pending.id()));
        }
        drop((before, after));
        let totals = manager.totals();
        assert_eq!((totals.waiting, totals.cancelled), (2, 1_000));

        held.free();
        for pending in [first, second] {
            let mut lease = pending.await.unwrap();
            assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
            echo(&mut lease, "in turn").await;
            lease.free();
        }
        drop(between);
        let totals = manager.totals();
        assert_eq!((totals.opened, totals.idle, totals.waiting), (1, 1, 0));
    });
}

#[test]
fn a_thousand_withdraw_while_connections_are_handed_to_them() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(2).build().unwrap();
        let held = [
            manager.allocate(server.request()).await.unwrap(),
            manager.allocate(server.request()).await.unwrap(),
        ];
        let many: Vec<_> = (0..1_000)
            .map(|_| manager.allocate(server.request()))
            .collect();
        held.into_iter().for_each(keepalive::Lease::free);
        // Each of them may get an answer for a moment, and passes it on.
        drop(many);
        let totals = manager.totals();
        assert_eq!((totals.waiting, totals.leased, totals.idle), (0, 0, 2));
        assert_eq!(totals.opened, 2);
    });
}
