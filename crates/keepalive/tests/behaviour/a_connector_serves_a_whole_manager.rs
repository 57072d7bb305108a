//! A manager may have a connector of the user's own, with connections of its own type.

use crate::support::{Probe, Server, echo, run};
use keepalive::{FromCache, Manager};

#[test]
fn leases_give_access_to_the_connection_in_both_forms() {
    run(async || {
        let server = Server::start();
        let probe = Probe::open();
        let manager: Manager<Probe> = Manager::builder()
            .connector(probe.clone())
            .max_per_host(2)
            .build()
            .unwrap();

        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease.stream, "awaited").await;
        lease.free();

        let (mailbox, mut responses) = manager.mailbox();
        manager
            .allocate_to(&mailbox, server.request(), "posted", 1)
            .unwrap();
        let response = responses.recv().await.unwrap();
        assert_eq!(response.from_cache(), Some(FromCache::Immediate));
        let mut lease = response.into_result().unwrap();
        echo(&mut lease.stream, "posted").await;
        lease.free();

        assert_eq!(probe.open.read().total, 1);
        manager.shutdown().await;
        assert_eq!(probe.open.read().now, 0);
    });
}
