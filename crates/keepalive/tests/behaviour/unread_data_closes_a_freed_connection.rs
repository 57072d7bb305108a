//! C1: a connection given back with unread data is closed: its next user would read that data.

use crate::support::{Server, echo, run};
use keepalive::Manager;

#[test]
fn a_connection_freed_with_unread_data_is_closed() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        // The server answers this twice, in one write; the second line stays unread.
        echo(&mut lease, "twice").await;
        lease.free();
        server.closed(1).await;

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "the right answer").await;
    });
}

#[test]
fn a_waiter_is_not_given_a_connection_with_unread_data() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        let waiting = manager.allocate(server.request());
        echo(&mut lease, "twice").await;
        lease.free();

        let mut lease = waiting.await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "the right answer").await;
    });
}
