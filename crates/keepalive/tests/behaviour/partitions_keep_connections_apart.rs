//! R1: connections are never shared across partitions.

use crate::support::{Server, ask, run};
use keepalive::{FromCache, Manager};

#[test]
fn each_partition_has_connections_of_its_own() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let requests = [
            server.request(),
            server.request().partition("alice"),
            server.request().partition("bob"),
        ];
        let mut clients = Vec::new();
        for request in requests.clone() {
            let mut lease = manager.allocate(request).await.unwrap();
            assert_eq!(lease.from_cache(), None);
            clients.push(ask(&mut lease, "who").await);
            lease.free();
        }
        for (request, client) in requests.into_iter().zip(clients) {
            let mut lease = manager.allocate(request).await.unwrap();
            assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
            assert_eq!(ask(&mut lease, "who").await, client);
            lease.free();
        }
        let stats = manager.stats();
        let mut partitions: Vec<_> = stats.hosts.iter().map(|of| of.host.partition()).collect();
        partitions.sort_unstable();
        assert_eq!(partitions, [None, Some("alice"), Some("bob")]);
    });
}
