//! C2: a lease that is dropped without `free` may be in the middle of something, so it closes.

use crate::support::{Server, echo, run};
use keepalive::Manager;

#[test]
fn a_lease_dropped_without_free_is_closed_and_not_reused() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_open(1).build().unwrap();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "first").await;
        drop(lease);
        server.closed(1).await;

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "second").await;
        assert_eq!(server.connections.read().total, 2);
    });
}
