//! N3: if the IPv6 address never answers, the first connection to a name uses IPv4 after the
//! attempt delay, and later ones use IPv4 at once.

#![cfg(target_os = "linux")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::support::{Server, Silent, descriptors_to, echo, run};
use keepalive::{Manager, NetConnector, Request};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// As RFC 8305 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

#[test]
fn the_next_one_begins_with_what_worked() {
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
        let manager = Manager::builder().max_open(1).connector(net).build();
        let manager = manager.expect("good settings");
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
