//! Which requests share connections: schemes, spellings and partitions.

use std::net::Ipv6Addr;

use keepalive::{FromCache, Manager, Request};

use crate::support::{Server, ask, echo, run};

async fn assert_shared(port: u16, spellings: &[(&str, &str)]) {
    let manager = Manager::new();
    let mut kept = None;
    for (scheme, address) in spellings {
        let request = Request::new(scheme, address, port).expect("a request");
        let mut lease = manager.allocate(request).await.expect("a connection");
        assert_eq!(lease.from_cache(), kept, "{scheme} {address}");
        echo(&mut lease, address).await;
        lease.free();
        kept = Some(FromCache::Immediate);
    }
}

/// R2, R3: one host, however it is spelled, has one set of connections.
#[test]
fn names_and_schemes_are_compared_without_case_and_final_dot() {
    run(async || {
        let spellings = [
            ("test", "localhost"),
            ("test", "LOCALHOST."),
            ("TEST", "LocalHost"),
        ];
        let server = Server::start();
        assert_shared(server.port(), &spellings).await;
    });
}

#[test]
fn spellings_of_one_ipv6_address_are_one_host() {
    let address = (Ipv6Addr::LOCALHOST, 0);
    if std::net::TcpListener::bind(address).is_err() {
        return; // This machine has no IPv6.
    }
    run(async || {
        let server = Server::on(address.into());
        let spellings = [
            ("test", "::1"),
            ("test", "[::1]"),
            ("test", "0:0:0:0:0:0:0:1"),
            ("test", "0000:0000:0000:0000:0000:0000:0000:0001"),
        ];
        assert_shared(server.port(), &spellings).await;
    });
}

/// R1: connections are never shared across partitions.
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

/// R2: an unregistered scheme is plain TCP, and has connections of its own.
#[test]
fn an_unregistered_scheme_is_plain_tcp_with_its_own_connections() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        for scheme in ["gopher", "my-own.protocol+1"] {
            let request = Request::new(scheme, "127.0.0.1", server.port()).unwrap();
            let mut lease = manager.allocate(request).await.unwrap();
            assert_eq!(lease.from_cache(), None);
            assert_eq!(lease.host().scheme(), scheme);
            echo(&mut lease, scheme).await;
            lease.free();
        }
        assert_eq!(manager.totals().idle, 2);
    });
}
