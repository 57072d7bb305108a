//! C3: a connection that is idle before its first use is watched like any other.

use crate::support::{Order, Server, eventually, run};
use keepalive::Manager;

#[test]
fn a_new_connection_whose_request_is_withdrawn_goes_when_the_peer_closes_it() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let pending = manager.allocate(server.request());
        eventually("assigned", || pending.waiting().is_none()).await;
        drop(pending);
        assert_eq!(manager.totals().idle, 1);
        server.connections.until(|tally| tally.now == 1).await;

        server.order(Order::Close);
        eventually("removed", || manager.totals().open == 0).await;
        assert_eq!(manager.totals().closed_by_peer, 1);
    });
}

#[test]
fn a_connection_that_nobody_needed_goes_when_the_peer_closes_it() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let pending = manager.allocate(server.request());
        server.connections.until(|tally| tally.now == 1).await;
        drop(pending);
        eventually("finished into the cache", || manager.totals().idle == 1).await;

        server.order(Order::Close);
        eventually("removed", || manager.totals().open == 0).await;
        assert_eq!(manager.totals().closed_by_peer, 1);
    });
}
