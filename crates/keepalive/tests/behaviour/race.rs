//! Races over the addresses of a name, on this machine's loopback addresses.

#![cfg(target_os = "linux")] // all of 127.0.0.0/8 is local

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use keepalive::{Addresses, Manager, NetConnector, Request};

use crate::support::{
    Names, Server, Silent, assert_system_error, build, descriptors_to, echo, error, eventually, run,
};

const SILENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn loopback(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

fn racing(addresses: &[IpAddr]) -> Manager {
    let net = NetConnector::new()
        .attempt_delay(Duration::from_millis(10))
        .resolve_to_addrs("raced.test", addresses.iter().copied())
        .expect("a name");
    build(|it| it.max_per_host(1).max_open(1).connector(net))
}

/// L1: a race over several addresses of a host counts as one connection.
#[test]
fn the_first_address_that_answers_is_used_and_no_other_socket_stays() {
    run(async || {
        let silent = Silent::start().await;
        let port = silent.request().host().port();
        let server = Server::on(SocketAddr::new(loopback(2), port));
        let manager = racing(&[SILENT, loopback(2)]);
        let request = Request::new("test", "raced.test", port).expect("a request");
        let mut lease = manager.allocate(request).await.expect("a connection");
        echo(&mut lease, "the second").await;
        let totals = manager.totals();
        assert_eq!((totals.open, totals.opened, totals.failed), (1, 1, 0));
        lease.free();
        manager.shutdown().await;
        server.closed(1).await;
        assert_eq!(server.connections.read().total, 1);
    });
}

#[test]
fn a_race_of_three_silent_addresses_takes_one_permit() {
    run(async || {
        let silent = Silent::start().await;
        let port = silent.request().host().port();
        let _others = [
            Silent::on(SocketAddr::new(loopback(2), port)).await,
            Silent::on(SocketAddr::new(loopback(3), port)).await,
        ];
        let queued = descriptors_to(port);
        let manager = racing(&[SILENT, loopback(2), loopback(3)]);
        let request = Request::new("test", "raced.test", port).expect("a request");
        let pending = manager.allocate(request);
        eventually("all are tried", || descriptors_to(port) == queued + 3).await;
        let totals = manager.totals();
        assert_eq!((totals.open, totals.connecting), (1, 1));
        drop(pending);
        manager.shutdown().await;
        assert_eq!(descriptors_to(port), queued, "nothing of the race is left");
    });
}

#[test]
fn the_address_that_worked_last_goes_first() {
    run(async || {
        let works = Server::on(SocketAddr::new(loopback(3), 0));
        let manager = racing(&[loopback(2), loopback(3)]);
        let request = Request::new("test", "raced.test", works.port()).expect("a request");
        let lease = manager.allocate(request.clone()).await;
        lease.expect("a connection").close();
        works.closed(1).await;
        // Now the one before it would answer, too.
        let before = Server::on(SocketAddr::new(loopback(2), works.port()));
        let lease = manager.allocate(request).await;
        echo(&mut lease.expect("a connection"), "again").await;
        assert_eq!(before.connections.read().total, 0);
        assert_eq!(works.connections.read().total, 2);
    });
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// As RFC 8305 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// N3: if the IPv6 address never answers, the first connection to a name uses IPv4 after the
/// attempt delay, and later ones use IPv4 at once.
#[test]
fn a_dead_ipv6_path_delays_the_first_connection_alone() {
    // A machine without IPv6 has no path to be dead.
    if std::net::TcpListener::bind((V6, 0)).is_err() {
        #[allow(clippy::print_stdout, reason = "whoever runs the tests is to know")]
        {
            println!("SKIPPED: this machine has no IPv6");
        }
        return;
    }
    run(async || {
        let server = Server::on(SocketAddr::new(V4, 0));
        let _dead = Silent::on(SocketAddr::new(V6, server.port())).await;
        let before = descriptors_to(server.port());
        let net = NetConnector::new()
            .resolve_to_addrs("two.test", [V6, V4])
            .expect("a name");
        let manager = build(|it| it.max_open(1).connector(net));
        let request = Request::new("test", "two.test", server.port()).expect("a request");

        let began = Instant::now();
        let lease = manager.allocate(request.clone()).await;
        let mut lease = lease.expect("IPv4 answers");
        assert!(began.elapsed() >= ATTEMPT_DELAY, "{:?}", began.elapsed());
        echo(&mut lease, "over IPv4").await;
        assert_eq!(manager.totals().open, 1);
        assert_eq!(
            descriptors_to(server.port()),
            before + 1,
            "who lost is closed"
        );
        lease.close();
        server.closed(1).await;

        let began = Instant::now();
        let lease = manager.allocate(request).await;
        lease.expect("IPv4 still answers").close();
        assert!(began.elapsed() < ATTEMPT_DELAY, "{:?}", began.elapsed());
        server.closed(2).await;
        manager.shutdown().await;
        assert_eq!(manager.totals().open, 0);
        assert_eq!(descriptors_to(server.port()), before);
    });
}

/// The address of number `n`, counted from one. No other process listens there.
fn address(n: u16) -> IpAddr {
    let [high, low] = n.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 64, high, low))
}

/// X1: at most 64 addresses of a name are tried, however many it has.
#[test]
fn the_first_64_of_a_thousand_addresses_are_tried() {
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
fn an_address_found_twice_counts_once_among_the_64() {
    run(async || {
        let twice = |n: u16| [address(n), address(n)];
        let names = Names::new(move |_, _| Ok((1..=64).flat_map(twice).collect()));
        let server = Server::on(SocketAddr::new(address(64), 0));
        let manager = names.manager();
        let lease = manager.allocate(server.request_at("example.test"));
        lease.await.unwrap().close();
    });
}
