//! R2, R3: one host, however it is spelled, has one set of connections.

use std::net::Ipv6Addr;

use crate::support::{Server, echo, run};
use keepalive::{FromCache, Manager, Request};

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

#[test]
fn names_and_schemes_compare_without_case_and_without_the_last_dot() {
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
