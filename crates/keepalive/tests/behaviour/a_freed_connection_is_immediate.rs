//! R8, C1: a connection is opened for the first request, and reused at once for the next.

use crate::support::{Server, echo, run};
use keepalive::{FromCache, Manager};

#[test]
fn the_first_request_opens_and_the_next_one_reuses_at_once() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "first").await;
        lease.free();

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        echo(&mut lease, "second").await;
        assert_eq!(server.connections.read().total, 1);
    });
}
