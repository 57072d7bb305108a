//! L1, L4, L6: with `max_open` 1 one slot serves two hosts, and a failure returns it.

use std::io::ErrorKind::ConnectionRefused;

use crate::support::{Refusing, Server, assert_system_error, echo, error, eventually, run};
use keepalive::{ErrorKind, FromCache, Manager};

#[test]
fn one_slot_is_passed_on_cached_evicted_and_given_back_by_a_failure() {
    run(async || {
        let (server, refusing) = (Server::start(), Refusing::new());
        let manager = Manager::builder().max_open(1).build().unwrap();

        let first = manager.allocate(server.request());
        let second = manager.allocate(server.request());
        let mut first = first.await.unwrap();
        assert_eq!(first.from_cache(), None);
        echo(&mut first, "first").await;
        assert_eq!(manager.totals().waiting, 1);
        first.free();
        let mut second = second.await.unwrap();
        assert_eq!(second.from_cache(), Some(FromCache::Deferred));
        echo(&mut second, "second").await;
        second.free();

        let third = manager.allocate(server.request()).await.unwrap();
        assert_eq!(third.from_cache(), Some(FromCache::Immediate));
        third.free();

        let refused = error(manager.allocate(refusing.request()).await);
        assert_eq!(refused.kind(), ErrorKind::Connect);
        assert_system_error(&refused, "connect", ConnectionRefused);
        server.closed(1).await;
        let stats = manager.stats();
        assert_eq!((stats.total.evicted, stats.total.failed), (1, 1));

        eventually("free", || manager.totals().open == 0).await;
        let mut again = manager.allocate(server.request()).await.unwrap();
        echo(&mut again, "the slot is back").await;
    });
}
