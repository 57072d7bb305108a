//! N4: connections to an address that their name no longer has are not reused.

#![cfg(target_os = "linux")] // all of 127.0.0.0/8 is local

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use keepalive::{
    Addresses, Families, FromCache, Lease, Manager, NetConnector, Request, Resolve, ResolveError,
};

use crate::support::{Names, Server, build, echo, eventually, found, run};

/// A name, and two servers on the same port to which it may resolve.
struct Moving {
    names: Names,
    here: Server,
    there: Server,
}

impl Moving {
    /// The name has the address of the first server.
    fn new() -> Self {
        let (here, there) = std::iter::repeat_with(twins)
            .take(20)
            .find_map(Result::ok)
            .expect("a port that is free at both");
        let names = Names::at(&["127.0.0.3"]);
        Self { names, here, there }
    }

    /// A connector that looks the name up for every connection.
    fn net(&self) -> NetConnector {
        self.names.net().dns_cache_ttl(Duration::ZERO)
    }

    fn moves(&self) {
        self.names.say(|_, _| found(&["127.0.0.2"]));
    }

    fn request(&self) -> Request {
        self.here.request_at("example.test")
    }

    /// Opens a connection whose host has no other, so that the name is looked up.
    async fn look_up(&self, manager: &Manager) -> Lease {
        let looked_up = self.names.asked().len();
        let request = self.request().partition(looked_up.to_string());
        manager.allocate(request).await.expect("a connection")
    }
}

/// Two servers on one port, if it is free at both addresses. Clients come from 127.0.0.1.
fn twins() -> io::Result<(Server, Server)> {
    let there = Server::on(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)));
    let here = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 3), there.port()));
    Ok((Server::try_on(here)?, there))
}

fn manager(net: NetConnector) -> Manager {
    build(|it| it.connector(net))
}

async fn lease(manager: &Manager, request: Request) -> Lease {
    manager.allocate(request).await.expect("a connection")
}

#[test]
fn connections_of_a_name_that_moved_close_when_idle() {
    run(async || {
        let moving = Moving::new();
        let manager = manager(moving.net());
        let mut leased = lease(&manager, moving.request()).await;
        lease(&manager, moving.request()).await.free();
        moving.here.connections.until(|tally| tally.now == 2).await;

        moving.moves();
        let mut new = moving.look_up(&manager).await;
        moving.here.connections.until(|tally| tally.now == 1).await;
        echo(&mut leased, "still of use").await;
        leased.free();
        moving.here.connections.until(|tally| tally.now == 0).await;
        eventually("closed", || manager.totals().open == 1).await;

        echo(&mut new, "there").await;
        new.free();
        moving.look_up(&manager).await.free();
        assert_eq!(moving.there.connections.read().gone, 0, "it stays");
        assert_eq!(manager.totals().idle, 2);
    });
}

#[test]
fn connections_of_other_names_stay_when_a_name_moves() {
    run(async || {
        let moving = Moving::new();
        let net = moving
            .net()
            .resolve_to_addrs("fixed.test", [Ipv4Addr::new(127, 0, 0, 3).into()]);
        let manager = manager(net.unwrap());
        moving.names.say(|name, _| match name {
            "other.test" => found(&["127.0.0.3"]),
            _ => found(&["127.0.0.3", "127.0.0.2"]),
        });
        for address in ["127.0.0.3", "other.test", "fixed.test", "example.test"] {
            lease(&manager, moving.here.request_at(address))
                .await
                .free();
        }
        assert_eq!(manager.totals().idle, 4);
        moving.moves();
        let _new = moving.look_up(&manager).await;
        eventually("retired", || manager.totals().idle == 3).await;
        for address in ["127.0.0.3", "other.test", "fixed.test"] {
            let lease = lease(&manager, moving.here.request_at(address)).await;
            assert_eq!(lease.from_cache(), Some(FromCache::Immediate), "{address}");
        }
    });
}

#[test]
fn a_lookup_that_fails_closes_no_connection() {
    run(async || {
        let moving = Moving::new();
        let manager = manager(moving.net());
        lease(&manager, moving.request()).await.free();
        let failures: [fn() -> ResolveError; 2] = [
            || ResolveError::new("it failed"),
            || ResolveError::not_found("no such name"),
        ];
        for failure in failures {
            moving.names.say(move |_, _| Err(failure()));
            let request = moving.request().partition("new");
            assert!(manager.allocate(request).await.is_err());
        }
        let again = lease(&manager, moving.request()).await;
        assert_eq!(again.from_cache(), Some(FromCache::Immediate));
    });
}

/// Delays the IPv6 lookup, so that the IPv4 answer is old when it is used.
#[derive(Clone)]
struct Slow {
    v4: Names,
    v6: Names,
}

impl Resolve for Slow {
    async fn lookup(&self, name: &str, asked: Families) -> Result<Addresses, ResolveError> {
        match asked {
            Families::V4 => self.v4.lookup(name, asked).await,
            _ => self.v6.lookup(name, asked).await,
        }
    }

    fn asks_separately(&self) -> bool {
        true
    }
}

// On one thread, so that a lookup is over as soon as it has been answered.
#[tokio::test]
async fn a_connection_that_opens_while_its_name_moves_serves_once() {
    let moving = Moving::new();
    let slow = Slow {
        v4: moving.names.clone(),
        v6: Names::at(&[]).closed(),
    };
    let net = NetConnector::new().resolver(slow.clone());
    let manager = manager(net.dns_cache_ttl(Duration::ZERO));
    let first = manager.allocate(moving.request());
    slow.v4.lookups.until(|tally| tally.gone == 1).await;
    moving.moves();
    let second = manager.allocate(moving.request().partition("second"));
    slow.v4.lookups.until(|tally| tally.gone == 2).await;
    slow.v6.pass(9);
    let (mut first, second) = (first.await.unwrap(), second.await.unwrap());
    echo(&mut first, "of use").await;
    second.free();
    first.free();
    moving.here.connections.until(|tally| tally.now == 0).await;
    eventually("one is left", || manager.totals().open == 1).await;
    assert_eq!(manager.totals().idle, 1);
}

#[test]
fn connections_of_a_name_that_moved_back_are_reused() {
    run(async || {
        let moving = Moving::new();
        let manager = manager(moving.net());
        let kept = lease(&manager, moving.request()).await;
        moving.moves();
        moving.look_up(&manager).await.close();
        moving.names.say(|_, _| found(&["127.0.0.3"]));
        let again = lease(&manager, moving.request()).await;
        kept.free();
        again.free();
        eventually("one is retired", || manager.totals().open == 1).await;
        let again = lease(&manager, moving.request()).await;
        assert_eq!(again.from_cache(), Some(FromCache::Immediate));
    });
}

#[test]
fn an_ipv6_answer_closes_no_ipv4_connection() {
    run(async || {
        let moving = Moving::new();
        let names = moving.names.clone().separate();
        let manager = manager(names.net().dns_cache_ttl(Duration::ZERO));
        names.say(|_, families| match families {
            Families::V4 => found(&["127.0.0.3"]),
            _ => found(&[]),
        });
        lease(&manager, moving.request()).await.free();
        // An IPv6 answer does not retire IPv4 connections.
        names.say(|_, families| match families {
            Families::V4 => Err(ResolveError::new("it failed")),
            _ => found(&["::1"]),
        });
        assert!(
            manager
                .allocate(moving.request().partition("6"))
                .await
                .is_err()
        );
        let again = lease(&manager, moving.request()).await;
        assert_eq!(again.from_cache(), Some(FromCache::Immediate));
    });
}

#[test]
fn close_on_dns_change_false_keeps_connections() {
    run(async || {
        let moving = Moving::new();
        let sparing = manager(moving.net().close_on_dns_change(false));
        lease(&sparing, moving.request()).await.free();
        moving.moves();
        moving.look_up(&sparing).await.close();
        let again = lease(&sparing, moving.request()).await;
        assert_eq!(again.from_cache(), Some(FromCache::Immediate));
    });
}
