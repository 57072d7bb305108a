//! M1: connections come from `bind_address`, or not at all.

#![cfg(target_os = "linux")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use crate::support::{Server, ask, error, run};
use keepalive::{ErrorKind, Manager};

async fn assert_seen(server: &Server, address: IpAddr) {
    let manager = Manager::builder().bind_address(address).build();
    let manager = manager.expect("good settings");
    let lease = manager.allocate(server.request()).await;
    let client = ask(&mut lease.expect("a connection"), "who").await;
    let client: SocketAddr = client.parse().expect("the client's address");
    assert_eq!(client.ip(), address);
}

async fn assert_bind_fails(server: &Server, address: IpAddr) {
    let manager = Manager::builder().bind_address(address).build();
    let manager = manager.expect("good settings");
    let failed = error(manager.allocate(server.request()).await);
    assert_eq!(failed.kind(), ErrorKind::Connect, "{failed}");
    assert_eq!(failed.function(), "bind", "{failed}");
    assert_eq!(server.connections.read().total, 0);
}

#[test]
fn the_server_sees_the_ipv4_bind_address() {
    run(async || {
        assert_seen(&Server::start(), Ipv4Addr::new(127, 0, 0, 2).into()).await;
    });
}

#[test]
fn the_server_sees_the_ipv6_bind_address() {
    let address = (Ipv6Addr::LOCALHOST, 0);
    if TcpListener::bind(address).is_err() {
        return; // This machine has no IPv6.
    }
    run(async || {
        let server = Server::on(address.into());
        assert_seen(&server, Ipv6Addr::LOCALHOST.into()).await;
    });
}

#[test]
fn a_bind_address_of_the_wrong_family_is_an_error_of_bind() {
    run(async || assert_bind_fails(&Server::start(), Ipv6Addr::LOCALHOST.into()).await);
}

#[test]
fn a_bind_address_of_another_machine_is_an_error_of_bind() {
    // An address of a range that is reserved for documentation.
    let elsewhere = Ipv4Addr::new(192, 0, 2, 1);
    run(async || assert_bind_fails(&Server::start(), elsewhere.into()).await);
}

#[test]
fn each_family_has_its_own_bind_address() {
    let v6 = (Ipv6Addr::LOCALHOST, 0);
    if TcpListener::bind(v6).is_err() {
        return; // This machine has no IPv6.
    }
    run(async || {
        let v4 = Ipv4Addr::new(127, 0, 0, 3);
        let manager = Manager::builder()
            .bind_address(v4.into())
            .bind_address(Ipv6Addr::LOCALHOST.into())
            .build()
            .expect("good settings");
        for (server, from) in [
            (Server::start(), IpAddr::from(v4)),
            (Server::on(v6.into()), Ipv6Addr::LOCALHOST.into()),
        ] {
            let lease = manager.allocate(server.request()).await;
            let client = ask(&mut lease.expect("a connection"), "who").await;
            let client: SocketAddr = client.parse().expect("the client's address");
            assert_eq!(client.ip(), from);
        }
    });
}
