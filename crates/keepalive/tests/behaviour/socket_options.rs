//! Options of sockets, and the addresses that they are bound to.

#![cfg(target_os = "linux")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use keepalive::{ErrorKind, Lease, Manager, NetConnector, TcpOptions};
use socket2::SockRef;

use crate::support::{Server, ask, build, error, run};

async fn lease(server: &Server, options: TcpOptions) -> Lease {
    let manager = build(|it| it.connector(NetConnector::new().tcp(options)));
    let lease = manager.allocate(server.request()).await;
    lease.expect("a connection")
}

fn look<R>(lease: &Lease, at: impl FnOnce(SockRef<'_>) -> std::io::Result<R>) -> R {
    let stream = lease.as_tcp().expect("a tcp socket");
    at(SockRef::from(stream)).expect("an open socket")
}

/// The keep-alive probes of a lease's socket: the idle time, the interval, and the count.
fn probes(lease: &Lease) -> (Duration, Duration, u32) {
    (
        look(lease, |socket| socket.tcp_keepalive_time()),
        look(lease, |socket| socket.tcp_keepalive_interval()),
        look(lease, |socket| socket.tcp_keepalive_retries()),
    )
}

/// Options are set on the sockets, and the error names an option that the system refuses.
#[test]
fn sockets_have_nodelay_and_keepalive_by_default() {
    run(async || {
        let lease = lease(&Server::start(), TcpOptions::new()).await;
        assert!(look(&lease, |socket| socket.tcp_nodelay()));
        let seconds = Duration::from_secs;
        assert!(look(&lease, |socket| socket.keepalive()));
        assert_eq!(probes(&lease), (seconds(15), seconds(15), 3));
        let time = look(&lease, |socket| socket.tcp_user_timeout());
        assert_eq!(time, Some(seconds(30)));
    });
}

#[test]
fn nodelay_tcp_keepalive_and_user_timeout_can_be_turned_off() {
    run(async || {
        let options = TcpOptions::new().nodelay(false).tcp_keepalive(None);
        let lease = lease(&Server::start(), options.user_timeout(None)).await;
        assert!(!look(&lease, |socket| socket.tcp_nodelay()));
        assert!(!look(&lease, |socket| socket.keepalive()));
        assert_eq!(look(&lease, |socket| socket.tcp_user_timeout()), None);
    });
}

#[test]
fn tcp_keepalive_probes_and_user_timeout_are_set() {
    run(async || {
        let options = TcpOptions::new()
            .tcp_keepalive(Duration::from_secs(60))
            .tcp_keepalive_interval(Duration::from_secs(7))
            .tcp_keepalive_retries(3);
        let time = Duration::from_millis(12_345);
        let lease = lease(&Server::start(), options.user_timeout(time)).await;
        assert!(look(&lease, |socket| socket.keepalive()));
        let seconds = Duration::from_secs;
        assert_eq!(probes(&lease), (seconds(60), seconds(7), 3));
        assert_eq!(look(&lease, |socket| socket.tcp_user_timeout()), Some(time));
    });
}

#[test]
fn socket_buffers_are_as_large_as_set() {
    run(async || {
        let options = TcpOptions::new()
            .send_buffer(32 * 1024)
            .receive_buffer(48 * 1024);
        let lease = lease(&Server::start(), options).await;
        assert_eq!(
            look(&lease, |socket| socket.send_buffer_size()),
            64 * 1024,
            "Linux doubles it"
        );
        assert_eq!(look(&lease, |socket| socket.recv_buffer_size()), 96 * 1024);
    });
}

#[test]
fn a_socket_is_bound_to_an_interface() {
    run(async || {
        let lease = lease(&Server::start(), TcpOptions::new().interface("lo")).await;
        let device = look(&lease, |socket| socket.device());
        assert_eq!(device.as_deref(), Some(&b"lo"[..]));
    });
}

#[test]
fn a_missing_interface_is_an_error_with_its_name() {
    run(async || {
        for name in ["nowhere0", "", "lo\0x", "a name of more than 15 bytes"] {
            let options = TcpOptions::new().interface(name);
            let manager = build(|it| it.connector(NetConnector::new().tcp(options)));
            let server = Server::start();
            let failed = error(manager.allocate(server.request()).await);
            assert_eq!(failed.function(), "setsockopt", "{failed}");
            assert_eq!(failed.error_num(), Some(libc::ENODEV), "{failed}");
            let text = failed.to_string();
            let named = format!("SO_BINDTODEVICE {name:?}");
            assert!(text.contains(&named), "{text}");
            assert_eq!(manager.totals().open, 0);
        }
    });
}

async fn assert_seen(manager: &Manager, server: &Server, address: IpAddr) {
    let lease = manager.allocate(server.request()).await;
    let client = ask(&mut lease.expect("a connection"), "who").await;
    let client: SocketAddr = client.parse().expect("the client's address");
    assert_eq!(client.ip(), address);
}

/// M1: connections come from `bind_address`, or not at all.
#[test]
fn the_server_sees_the_ipv4_bind_address() {
    run(async || {
        let address = Ipv4Addr::new(127, 0, 0, 2).into();
        let manager = build(|it| it.bind_address(address));
        assert_seen(&manager, &Server::start(), address).await;
    });
}

#[test]
fn the_server_sees_the_ipv6_bind_address() {
    let address = (Ipv6Addr::LOCALHOST, 0);
    if TcpListener::bind(address).is_err() {
        return; // This machine has no IPv6.
    }
    run(async || {
        let (server, address) = (Server::on(address.into()), Ipv6Addr::LOCALHOST.into());
        let manager = build(|it| it.bind_address(address));
        assert_seen(&manager, &server, address).await;
    });
}

#[test]
fn a_bind_address_of_another_family_or_machine_is_an_error_of_bind() {
    // The second is of a range that is reserved for documentation.
    let elsewhere = Ipv4Addr::new(192, 0, 2, 1);
    run(async || {
        for address in [Ipv6Addr::LOCALHOST.into(), IpAddr::from(elsewhere)] {
            let server = Server::start();
            let manager = build(|it| it.bind_address(address));
            let failed = error(manager.allocate(server.request()).await);
            assert_eq!(failed.kind(), ErrorKind::Connect, "{address}: {failed}");
            assert_eq!(failed.function(), "bind", "{address}: {failed}");
            assert_eq!(server.connections.read().total, 0, "{address}");
        }
    });
}

#[test]
fn each_family_has_its_own_bind_address() {
    let v6 = (Ipv6Addr::LOCALHOST, 0);
    if TcpListener::bind(v6).is_err() {
        return; // This machine has no IPv6.
    }
    run(async || {
        let v4 = Ipv4Addr::new(127, 0, 0, 3);
        let manager = build(|it| {
            it.bind_address(v4.into())
                .bind_address(Ipv6Addr::LOCALHOST.into())
        });
        assert_seen(&manager, &Server::start(), v4.into()).await;
        let server = Server::on(v6.into());
        assert_seen(&manager, &server, Ipv6Addr::LOCALHOST.into()).await;
    });
}
