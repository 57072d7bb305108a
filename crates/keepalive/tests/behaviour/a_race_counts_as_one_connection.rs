//! L1: a race over several addresses of a host counts as one connection.

#![cfg(target_os = "linux")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::support::{Server, Silent, descriptors_to, echo, eventually, run};
use keepalive::{Manager, NetConnector, Request};

const SILENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn other(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

fn racing(addresses: &[IpAddr]) -> Manager {
    let net = NetConnector::new()
        .attempt_delay(Duration::from_millis(10))
        .resolve_to_addrs("raced.test", addresses.iter().copied())
        .expect("a name");
    let manager = Manager::builder()
        .max_per_host(1)
        .max_open(1)
        .connector(net);
    manager.build().expect("good settings")
}

#[test]
fn the_first_that_answers_is_used_and_nothing_else_stays() {
    run(async || {
        let silent = Silent::start().await;
        let port = silent.request().host().port();
        let server = Server::on(SocketAddr::new(other(2), port));
        let manager = racing(&[SILENT, other(2)]);
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
fn many_that_do_not_answer_take_one_slot() {
    run(async || {
        let silent = Silent::start().await;
        let port = silent.request().host().port();
        let _others = [
            Silent::on(SocketAddr::new(other(2), port)).await,
            Silent::on(SocketAddr::new(other(3), port)).await,
        ];
        let queued = descriptors_to(port);
        let manager = racing(&[SILENT, other(2), other(3)]);
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
        let works = Server::on(SocketAddr::new(other(3), 0));
        let manager = racing(&[other(2), other(3)]);
        let request = Request::new("test", "raced.test", works.port()).expect("a request");
        let lease = manager.allocate(request.clone()).await;
        lease.expect("a connection").close();
        works.closed(1).await;
        // Now the one before it would answer, too.
        let before = Server::on(SocketAddr::new(other(2), works.port()));
        let lease = manager.allocate(request).await;
        echo(&mut lease.expect("a connection"), "again").await;
        assert_eq!(before.connections.read().total, 0);
        assert_eq!(works.connections.read().total, 2);
    });
}
