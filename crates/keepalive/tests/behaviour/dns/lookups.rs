//! Lookups of names: shared, bounded, ended with their requests, and overridden.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use keepalive::{ErrorKind, Families, Manager, NetConnector, Request, ResolveError};

use crate::support::{Names, Server, build, echo, error, eventually, found, run};

/// R3, E1: a host may be a name; a name that does not exist is an error of `resolve`.
#[test]
fn a_name_that_does_not_exist_is_an_error_of_resolve() {
    run(async || {
        let manager = Manager::new();
        let request = Request::new("test", "does-not-exist.invalid", 80).unwrap();
        let unknown = error(manager.allocate(request).await);
        assert_eq!(unknown.kind(), ErrorKind::Connect, "{unknown}");
        assert_eq!(unknown.function(), "resolve", "{unknown}");
        assert!(!unknown.error_str().is_empty());
        let text = unknown.to_string();
        assert!(text.contains("does-not-exist.invalid"), "{text}");
        assert_eq!(manager.totals().failed, 1);
    });
}

/// N1: all requests for a name that is being looked up wait for one lookup.
#[test]
fn a_hundred_requests_for_one_name_share_a_lookup() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]).closed());
        let net = names.net();
        let manager = build(|it| it.connector(net.clone()).max_per_host(99));
        let spellings = ["example.test", "Example.TEST", "example.test."];
        let asking: Vec<_> = (0..99)
            .map(|n| manager.allocate(server.request_at(spellings[n % 3])))
            .collect();
        let elsewhere = build(|it| it.connector(net));
        let asked_elsewhere = elsewhere.allocate(server.request_at("example.test"));
        names.lookups.until(|tally| tally.now == 1).await;
        names.pass(1);
        for pending in asking {
            pending.await.unwrap().close();
        }
        asked_elsewhere.await.unwrap().close();
        assert_eq!(names.asked(), ["example.test"]);
    });
}

/// Requests `count` names at once, and lets their lookups pass when `begun` of them have begun.
async fn ask_for(count: usize, names: &Names, net: NetConnector, begun: usize) {
    let server = Server::start();
    let manager = build(|it| it.connector(net));
    let request = |n| server.request_at(format!("n{n}.test"));
    let asking: Vec<_> = (0..count).map(|n| manager.allocate(request(n))).collect();
    names.lookups.until(|tally| tally.now >= begun).await;
    names.pass(count);
    for pending in asking {
        pending.await.expect("a connection").close();
    }
}

/// X1: concurrent lookups are bounded; further names wait in order of arrival.
#[test]
fn lookups_at_once_are_at_most_max_lookups() {
    run(async || {
        for (said, most) in [(None, 16), (Some(2), 2), (Some(0), 1)] {
            let names = Names::at(&["127.0.0.1"]).closed();
            let net = match said {
                Some(lookups) => names.net().max_lookups(lookups),
                None => names.net(),
            };
            ask_for(20, &names, net, most).await;
            let lookups = names.lookups.read();
            assert_eq!((lookups.highest, lookups.total), (most, 20));
        }
    });
}

#[tokio::test]
async fn lookups_begin_in_order_of_arrival() {
    let names = Names::at(&["127.0.0.1"]).closed();
    ask_for(4, &names, names.net().max_lookups(1), 1).await;
    assert_eq!(names.asked(), ["n0.test", "n1.test", "n2.test", "n3.test"]);
}

/// N1, M4: a lookup goes on only as long as a request waits for it.
// On one thread, so that both wait for the lookup as soon as it has begun.
#[tokio::test]
async fn a_lookup_ends_with_the_last_request_that_waits_for_it() {
    let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]).closed());
    let manager = names.manager();
    let request = || server.request_at("example.test");
    let first = manager.allocate(request());
    let second = manager.allocate(request().partition("other"));
    names.lookups.until(|tally| tally.now == 1).await;
    drop(first);
    eventually("withdrawn", || manager.totals().open == 1).await;
    assert_eq!(names.lookups.read().now, 1);
    drop(second);
    names.lookups.until(|tally| tally.now == 0).await;

    names.pass(1);
    manager.allocate(request()).await.unwrap().close();
    assert_eq!(names.asked().len(), 2);
}

#[test]
fn a_lookup_whose_request_is_withdrawn_in_the_queue_never_begins() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]).closed());
        let net = names.net().max_lookups(1);
        let manager = build(|it| it.connector(net));
        let first = manager.allocate(server.request_at("first.test"));
        names.lookups.until(|tally| tally.now == 1).await;
        drop(manager.allocate(server.request_at("second.test")));
        eventually("withdrawn", || manager.totals().open == 1).await;
        let third = manager.allocate(server.request_at("third.test"));
        names.pass(2);
        first.await.unwrap().close();
        third.await.unwrap().close();
        assert_eq!(names.asked(), ["first.test", "third.test"]);
    });
}

#[test]
fn a_lookup_that_cannot_be_stopped_serves_the_next_request() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]));
        let names = names.closed().unstoppable();
        let manager = names.manager();
        let request = || server.request_at("example.test");
        let late = manager.allocate(request().timeout(Duration::from_millis(30)));
        assert_eq!(error(late.await).function(), "resolve");
        eventually("free", || manager.totals().open == 0).await;
        assert_eq!(names.lookups.read().now, 1, "it goes on");
        let next = manager.allocate(request());
        names.pass(1);
        next.await.unwrap().close();
        assert_eq!(names.asked().len(), 1);
    });
}

#[test]
fn a_lookup_whose_runtime_ends_begins_again() {
    for names in [
        Names::at(&["127.0.0.1"]).closed(),
        Names::at(&["127.0.0.1"]).closed().unstoppable(),
    ] {
        let (server, manager) = (Server::start(), names.manager());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let within = runtime.enter();
        let asked = manager.allocate(server.request_at("example.test"));
        runtime.block_on(names.lookups.until(|tally| tally.now == 1));
        drop(within);
        drop(runtime);
        assert_eq!(names.lookups.read().now, 0);
        names.pass(1);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            assert_eq!(error(asked.await).kind(), ErrorKind::Runtime);
            let anew = manager.allocate(server.request_at("example.test"));
            anew.await.unwrap().close();
        });
    }
}

/// N3: a resolver that answers IPv4 and IPv6 separately gets both queries, and if one fails the
/// other is still used.
#[test]
fn one_family_with_addresses_is_enough() {
    run(async || {
        let v4 = Server::start();
        for v6 in [|| found(&[]), || Err(ResolveError::new("it failed"))] {
            let names = Names::new(move |_, families| match families {
                Families::V4 => found(&["127.0.0.1"]),
                _ => v6(),
            });
            let names = names.separate();
            let request = v4.request_at("example.test");
            names.manager().allocate(request).await.unwrap().close();
            assert_eq!(names.asked().len(), 2);
        }
        let v6 = Server::on(([0, 0, 0, 0, 0, 0, 0, 1], 0).into());
        let names = Names::new(|_, families| match families {
            Families::V6 => found(&["::1"]),
            _ => Err(ResolveError::not_found("no such name")),
        });
        let request = v6.request_at("example.test");
        names
            .separate()
            .manager()
            .allocate(request)
            .await
            .unwrap()
            .close();
    });
}

#[test]
fn two_families_without_addresses_are_an_error_of_resolve() {
    run(async || {
        let names = Names::new(|_, _| Err(io::Error::other("it failed").into())).separate();
        let request = Server::start().request_at("example.test");
        let failed = error(names.manager().allocate(request).await);
        assert_eq!(failed.function(), "resolve");
        assert_eq!(failed.error_str(), "it failed");
    });
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn manager(net: NetConnector) -> Manager {
    build(|it| it.connector(net))
}

/// N5: a name with an override of its addresses is never looked up.
#[test]
fn an_override_of_addresses_wins_over_the_resolver() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.9"]));
        // Nobody listens at the first address.
        let addresses = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)), HERE];
        let net = names
            .net()
            .resolve_to_addrs("Example.TEST.", addresses)
            .unwrap();
        let mut lease = manager(net)
            .allocate(server.request_at("example.test"))
            .await
            .unwrap();
        echo(&mut lease, "by a name that nobody knows").await;
        assert_eq!(names.asked().len(), 0);
    });
}

#[test]
fn the_last_override_counts_and_other_names_are_looked_up() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]));
        let net = NetConnector::new()
            .resolve_to_addrs("example.test", [])
            .unwrap();
        let net = net.resolve_to_addrs("example.test", [HERE]).unwrap();
        let manager = manager(net.resolver(names.clone()));
        for name in ["example.test", "other.test"] {
            manager
                .allocate(server.request_at(name))
                .await
                .unwrap()
                .close();
        }
        assert_eq!(names.asked(), ["other.test"]);
    });
}

#[test]
fn a_name_without_addresses_is_an_error_of_resolve() {
    run(async || {
        let net = NetConnector::new()
            .resolve_to_addrs("example.test", [])
            .unwrap();
        let request = Server::start().request_at("example.test");
        let none = error(manager(net).allocate(request).await);
        assert_eq!(none.function(), "resolve");
        assert_eq!(none.error_str(), "the name has no address");
    });
}

#[test]
fn an_override_of_an_invalid_name_is_an_error_with_the_name() {
    for name in ["", "127.0.0.1", "[::1]", "a b", "256.1.1.1"] {
        let error = NetConnector::new()
            .resolve_to_addrs(name, [HERE])
            .unwrap_err();
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
}
