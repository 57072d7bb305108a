//! C3: an idle connection is removed as soon as its peer closes it.

#![cfg(target_os = "linux")]

use crate::support::{Order, Server, descriptors_to, echo, eventually, run};
use keepalive::Manager;

#[test]
fn a_close_by_the_peer_frees_the_descriptor_and_the_slot() {
    run(async || {
        let (server, other) = (Server::start(), Server::start());
        let manager = Manager::builder().max_open(1).build().unwrap();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
        assert_eq!(manager.totals().idle, 1);

        server.order(Order::Close);
        eventually("removed", || manager.totals().open == 0).await;
        assert_eq!(descriptors_to(server.port()), 0);
        assert_eq!(manager.totals().closed_by_peer, 1);

        let mut lease = manager.allocate(other.request()).await.unwrap();
        echo(&mut lease, "the slot is free").await;
        assert_eq!(manager.totals().evicted, 0);
    });
}
