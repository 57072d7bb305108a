//! L1, R8: with `max_per_host` 1 a second request waits for the first.

use crate::support::{Server, echo, run};
use keepalive::{FromCache, Manager};

#[test]
fn fresh_then_deferred_then_immediate_then_deferred() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();

        let first = manager.allocate(server.request()).await.unwrap();
        assert_eq!(first.from_cache(), None);
        let second = manager.allocate(server.request());
        assert!(second.waiting().is_some());
        first.free();
        let second = second.await.unwrap();
        assert_eq!(second.from_cache(), Some(FromCache::Deferred));
        second.free();

        let third = manager.allocate(server.request()).await.unwrap();
        assert_eq!(third.from_cache(), Some(FromCache::Immediate));
        let fourth = manager.allocate(server.request());
        third.free();
        let mut fourth = fourth.await.unwrap();
        assert_eq!(fourth.from_cache(), Some(FromCache::Deferred));
        echo(&mut fourth, "still the same connection").await;
        assert_eq!(server.connections.read().total, 1);
    });
}
