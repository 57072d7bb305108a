//! L2: requests that cannot be served at once wait in arrival order.

use crate::support::{Server, echo, run};
use keepalive::{FromCache, Manager};

#[test]
fn waiters_of_a_host_are_served_first_come_first_served() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let mut held = manager.allocate(server.request()).await.unwrap();
        let waiters: Vec<_> = (0..20)
            .map(|_| manager.allocate(server.request()))
            .collect();
        for (served, waiter) in waiters.into_iter().enumerate() {
            echo(&mut held, "hello").await;
            held.free();
            // With one connection, this hangs unless it is this waiter's turn.
            held = waiter.await.unwrap();
            assert_eq!(held.from_cache(), Some(FromCache::Deferred));
            assert_eq!(manager.totals().waiting, 19 - served);
        }
    });
}
