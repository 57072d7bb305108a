//! C3: an idle connection on which the peer sends unrequested data is removed at once.

use crate::support::{Order, Server, echo, eventually, run};
use keepalive::Manager;

#[test]
fn a_byte_that_nobody_asked_for_removes_an_idle_connection() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
        assert_eq!(manager.totals().idle, 1);

        server.order(Order::SendByte);
        eventually("removed", || manager.totals().open == 0).await;
        server.closed(1).await;
        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "no stray byte before this").await;
    });
}
