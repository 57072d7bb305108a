//! X1: at most 64 addresses of a name are tried, however many it has.
#![cfg(target_os = "linux")] // all of 127.0.0.0/8 is local

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::support::{Names, Server, assert_system_error, error, run};
use keepalive::Addresses;

/// The address of number `n`, counted from one. No other process listens there.
fn address(n: u16) -> IpAddr {
    let [high, low] = n.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 64, high, low))
}

#[test]
fn of_a_thousand_the_first_64() {
    run(async || {
        let names = Names::new(|_, _| Ok(Addresses::new((1..=1000).map(address))));
        let manager = names.manager();
        for (n, there) in [(64, true), (65, false), (1000, false)] {
            let server = Server::on(SocketAddr::new(address(n), 0));
            let lease = manager.allocate(server.request_at("example.test")).await;
            if there {
                drop(lease.unwrap());
            } else {
                let refused = std::io::ErrorKind::ConnectionRefused;
                assert_system_error(&error(lease), "connect", refused);
            }
        }
    });
}

#[test]
fn those_that_are_said_twice_count_once() {
    run(async || {
        let twice = |n: u16| [address(n), address(n)];
        let names = Names::new(move |_, _| Ok((1..=64).flat_map(twice).collect()));
        let server = Server::on(SocketAddr::new(address(64), 0));
        let manager = names.manager();
        let lease = manager.allocate(server.request_at("example.test"));
        lease.await.unwrap().close();
    });
}
