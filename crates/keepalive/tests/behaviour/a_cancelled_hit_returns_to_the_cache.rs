//! T3: an idle connection that was given to a request and not taken is idle again.

use crate::support::{Server, echo, error, run};
use keepalive::{ErrorKind, FromCache, Manager};

#[test]
fn a_hit_that_is_cancelled_or_dropped_is_idle_again() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        manager.allocate(server.request()).await.unwrap().free();

        let hit = manager.allocate(server.request());
        assert!(manager.cancel(hit.id()));
        assert!(!manager.cancel(hit.id()), "only once");
        assert_eq!(error(hit.await).kind(), ErrorKind::Cancelled);
        assert_eq!(manager.totals().idle, 1);

        drop(manager.allocate(server.request()));
        assert_eq!(manager.totals().idle, 1);

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        echo(&mut lease, "reused").await;
        assert_eq!(server.connections.read().total, 1);
    });
}
