//! Options are set on the sockets, and the error names an option that the system refuses.

#![cfg(target_os = "linux")]

use std::time::Duration;

use socket2::SockRef;

use crate::support::{Server, error, run};
use keepalive::{Lease, Manager, NetConnector, TcpOptions};

async fn lease(server: &Server, options: TcpOptions) -> Lease {
    let manager = Manager::builder()
        .connector(NetConnector::new().tcp(options))
        .build();
    let manager = manager.expect("good settings");
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

#[test]
fn small_writes_are_sent_at_once_and_a_silent_peer_is_found() {
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
fn the_search_for_silent_peers_may_be_left_out() {
    run(async || {
        let options = TcpOptions::new().tcp_keepalive(None).user_timeout(None);
        let lease = lease(&Server::start(), options).await;
        assert!(!look(&lease, |socket| socket.keepalive()));
        assert_eq!(look(&lease, |socket| socket.tcp_user_timeout()), None);
    });
}

#[test]
fn nodelay_may_be_left_alone() {
    run(async || {
        let lease = lease(&Server::start(), TcpOptions::new().nodelay(false)).await;
        assert!(!look(&lease, |socket| socket.tcp_nodelay()));
    });
}

#[test]
fn probes_are_set() {
    run(async || {
        let options = TcpOptions::new()
            .tcp_keepalive(Duration::from_secs(60))
            .tcp_keepalive_interval(Duration::from_secs(7))
            .tcp_keepalive_retries(3);
        let lease = lease(&Server::start(), options).await;
        assert!(look(&lease, |socket| socket.keepalive()));
        let seconds = Duration::from_secs;
        assert_eq!(probes(&lease), (seconds(60), seconds(7), 3));
    });
}

#[test]
fn the_time_for_an_acknowledgement_is_set() {
    run(async || {
        let time = Duration::from_millis(12_345);
        let lease = lease(&Server::start(), TcpOptions::new().user_timeout(time)).await;
        assert_eq!(look(&lease, |socket| socket.tcp_user_timeout()), Some(time));
    });
}

#[test]
fn buffers_are_as_large_as_asked() {
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
fn an_interface_may_be_chosen() {
    run(async || {
        let lease = lease(&Server::start(), TcpOptions::new().interface("lo")).await;
        let device = look(&lease, |socket| socket.device());
        assert_eq!(device.as_deref(), Some(&b"lo"[..]));
    });
}

#[test]
fn an_interface_that_is_not_there_is_an_error_that_names_it() {
    run(async || {
        for name in ["nowhere0", "", "lo\0x", "a name of more than 15 bytes"] {
            let options = TcpOptions::new().interface(name);
            let manager = Manager::builder()
                .connector(NetConnector::new().tcp(options))
                .build();
            let manager = manager.expect("good settings");
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
