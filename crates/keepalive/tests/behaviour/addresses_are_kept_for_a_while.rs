//! N2: the addresses of a name are cached for as long as they are valid.

use std::time::Duration;

use crate::support::{Names, Server, found, run};
use keepalive::{Manager, NetConnector};
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);

/// Requests a name twice with `time` in between; returns how often it was looked up.
async fn looked_up(names: &Names, net: NetConnector, time: Duration) -> usize {
    let server = Server::start();
    let manager = Manager::builder()
        .connector(net)
        .build()
        .expect("sound settings");
    let before = names.asked().len();
    for _ in 0..2 {
        let lease = manager.allocate(server.request_at("example.test"));
        lease.await.expect("a connection").close();
        advance(time).await;
    }
    names.asked().len() - before
}

#[tokio::test(start_paused = true)]
async fn thirty_seconds_unless_the_resolver_says() {
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
async fn its_ttl_if_it_says_so() {
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
fn nothing_is_kept_if_that_is_wished() {
    run(async || {
        let names = Names::at(&["127.0.0.1"]);
        let net = names.net().dns_cache_ttl(Duration::ZERO);
        let server = Server::start();
        let manager = Manager::builder().connector(net).build().unwrap();
        for looked_up in 1..=3 {
            let lease = manager.allocate(server.request_at("example.test"));
            lease.await.unwrap().close();
            assert_eq!(names.asked().len(), looked_up);
        }
    });
}

// On one thread, so that all wait for the lookup as soon as it has begun.
#[tokio::test]
async fn a_ttl_of_zero_is_for_those_who_wait() {
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
fn clones_share_what_is_known_until_one_is_set_otherwise() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]));
        let net = names.net();
        let other = net.clone().dns_cache_ttl(SECOND);
        for (net, looked_up) in [(net.clone(), 1), (net, 1), (other, 2)] {
            let manager = Manager::builder().connector(net).build().unwrap();
            let lease = manager.allocate(server.request_at("example.test"));
            lease.await.unwrap().close();
            assert_eq!(names.asked().len(), looked_up);
        }
    });
}
