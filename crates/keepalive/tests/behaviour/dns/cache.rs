//! N2: the addresses of a name are cached for as long as they are valid.

use std::io;
use std::time::Duration;

use keepalive::{Families, NetConnector, ResolveError, errno};
use tokio::time::advance;

use crate::support::{Names, Server, build, error, found, run};

const SECOND: Duration = Duration::from_secs(1);

/// Requests a name twice with `time` in between; returns how often it was looked up.
async fn looked_up(names: &Names, net: NetConnector, time: Duration) -> usize {
    let server = Server::start();
    let manager = build(|it| it.connector(net));
    let before = names.asked().len();
    for _ in 0..2 {
        let lease = manager.allocate(server.request_at("example.test"));
        lease.await.expect("a connection").close();
        advance(time).await;
    }
    names.asked().len() - before
}

#[tokio::test(start_paused = true)]
async fn addresses_without_a_ttl_are_cached_for_dns_cache_ttl() {
    let names = Names::at(&["127.0.0.1"]);
    assert_eq!(looked_up(&names, names.net(), 29 * SECOND).await, 1);
    assert_eq!(looked_up(&names, names.net(), 30 * SECOND).await, 2);
    let net = || names.net().dns_cache_ttl(3600 * SECOND);
    assert_eq!(looked_up(&names, net(), 3599 * SECOND).await, 1);
    assert_eq!(looked_up(&names, net(), 3600 * SECOND).await, 2);
    let endless = names.net().dns_cache_ttl(Duration::MAX);
    let year = 365 * 24 * 3600 * SECOND;
    assert_eq!(looked_up(&names, endless, year).await, 1);
}

#[tokio::test(start_paused = true)]
async fn addresses_with_a_ttl_are_cached_for_it_up_to_five_minutes() {
    let ttl = |ttl: Duration| Names::new(move |_, _| Ok(found(&["127.0.0.1"])?.valid_for(ttl)));
    for (ttl, names) in [1, 60, 300].map(|secs| (secs * SECOND, ttl(secs * SECOND))) {
        let sooner = ttl - Duration::from_millis(1);
        assert_eq!(looked_up(&names, names.net(), sooner).await, 1, "{ttl:?}");
        assert_eq!(looked_up(&names, names.net(), ttl).await, 2, "{ttl:?}");
    }
    let day = ttl(24 * 3600 * SECOND);
    assert_eq!(looked_up(&day, day.net(), 299 * SECOND).await, 1);
    assert_eq!(looked_up(&day, day.net(), 300 * SECOND).await, 2);
    let longest = ttl(Duration::MAX);
    assert_eq!(looked_up(&longest, longest.net(), 300 * SECOND).await, 2);
}

#[test]
fn a_dns_cache_ttl_of_zero_caches_nothing() {
    run(async || {
        let names = Names::at(&["127.0.0.1"]);
        let net = names.net().dns_cache_ttl(Duration::ZERO);
        let server = Server::start();
        let manager = build(|it| it.connector(net));
        for looked_up in 1..=3 {
            let lease = manager.allocate(server.request_at("example.test"));
            lease.await.unwrap().close();
            assert_eq!(names.asked().len(), looked_up);
        }
    });
}

// On one thread, so that all wait for the lookup as soon as it has begun.
#[tokio::test]
async fn addresses_with_a_ttl_of_zero_serve_the_waiting_requests_alone() {
    let names = Names::new(|_, _| Ok(found(&["127.0.0.1"])?.valid_for(Duration::ZERO)));
    let names = names.closed();
    let (server, manager) = (Server::start(), names.manager());
    let waiting: Vec<_> = (0..4)
        .map(|_| manager.allocate(server.request_at("example.test")))
        .collect();
    names.lookups.until(|tally| tally.now == 1).await;
    names.pass(2);
    for pending in waiting {
        pending.await.unwrap().close();
    }
    let later = manager.allocate(server.request_at("example.test"));
    later.await.unwrap().close();
    assert_eq!(names.asked().len(), 2);
}

#[test]
fn clones_of_a_connector_share_addresses_until_one_is_set_otherwise() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]));
        let net = names.net();
        let other = net.clone().dns_cache_ttl(SECOND);
        for (net, looked_up) in [(net.clone(), 1), (net, 1), (other, 2)] {
            let manager = build(|it| it.connector(net));
            let lease = manager.allocate(server.request_at("example.test"));
            lease.await.unwrap().close();
            assert_eq!(names.asked().len(), looked_up);
        }
    });
}

/// N2, E1: a missing name is cached for two seconds, and a temporary failure not at all.
#[tokio::test(start_paused = true)]
async fn a_missing_name_is_looked_up_again_after_two_seconds() {
    for names in [
        Names::new(|_, _| Err(ResolveError::not_found("no such name"))),
        Names::at(&[]),
    ] {
        let (server, manager) = (Server::start(), names.manager());
        for (wait, looked_up) in [(0, 1), (1, 1), (1, 2)] {
            advance(wait * SECOND).await;
            let missing = error(manager.allocate(server.request_at("example.test")).await);
            assert_eq!(missing.function(), "resolve");
            assert_eq!(missing.error_num(), None);
            assert!(missing.error_str().contains("name"), "{missing}");
            assert!(missing.to_string().contains("example.test"), "{missing}");
            assert!(!missing.is_retryable());
            assert_eq!(names.asked().len(), looked_up);
        }
        names.say(|_, _| found(&["127.0.0.1"]));
        advance(2 * SECOND).await;
        let there = manager.allocate(server.request_at("example.test"));
        there.await.unwrap().close();
    }
}

#[tokio::test(start_paused = true)]
async fn a_temporary_failure_of_a_lookup_is_not_cached() {
    let names = Names::new(|_, _| Err(io::Error::from_raw_os_error(errno::ENETUNREACH).into()));
    let (server, manager) = (Server::start(), names.manager());
    for looked_up in 1..=3 {
        let failed = error(manager.allocate(server.request_at("example.test")).await);
        assert_eq!(failed.function(), "resolve");
        assert_eq!(failed.error_num(), Some(errno::ENETUNREACH));
        assert!(failed.is_retryable());
        assert_eq!(names.asked().len(), looked_up);
    }
    names.say(|_, _| found(&["127.0.0.1"]));
    let there = manager.allocate(server.request_at("example.test"));
    there.await.unwrap().close();
}

#[tokio::test]
async fn addresses_of_the_wrong_family_do_not_count() {
    let names = Names::new(|_, families| match families {
        Families::V4 => found(&["::1"]),
        _ => found(&["127.0.0.1"]),
    });
    let (server, manager) = (Server::start(), names.separate().manager());
    let wrong = error(manager.allocate(server.request_at("example.test")).await);
    assert!(wrong.error_str().contains("has no IPv"), "{wrong}");
}
