//! B2: `max_per_host_of` is one host's limit, in place of `max_per_host`.

use std::time::Duration;

use crate::support::{Server, poll_once, run};
use keepalive::{Manager, Reason, Request};

#[test]
fn it_holds_for_that_host_alone() {
    run(async || {
        let (shy, other) = (Server::start(), Server::start());
        let manager = Manager::builder()
            .max_per_host(2)
            .max_per_host_of(shy.request().host(), 1)
            .build()
            .unwrap();
        let first = manager.allocate(shy.request()).await.unwrap();
        let mut second = Box::pin(manager.allocate(shy.request()));
        assert!(poll_once(second.as_mut()).is_pending());
        let reason = second.waiting().map(|waiting| waiting.reason());
        assert_eq!(reason, Some(Reason::HostLimit { in_use: 1, max: 1 }));
        let _two = (
            manager.allocate(other.request()).await.unwrap(),
            manager.allocate(other.request()).await.unwrap(),
        );
        first.free();
        second.await.unwrap().free();
    });
}

#[test]
fn it_may_be_higher_than_the_others() {
    run(async || {
        let (open, other) = (Server::start(), Server::start());
        let manager = Manager::builder()
            .max_per_host(1)
            .max_per_host_of(open.request().host(), 20)
            .build()
            .unwrap();
        let mut held = Vec::new();
        for _ in 0..20 {
            held.push(manager.allocate(open.request()).await.unwrap());
        }
        let brief = |request: Request| request.timeout(Duration::from_millis(20));
        assert!(manager.allocate(brief(open.request())).await.is_err());
        let _one = manager.allocate(other.request()).await.unwrap();
        assert!(manager.allocate(brief(other.request())).await.is_err());
    });
}

#[test]
fn a_partition_is_another_host() {
    run(async || {
        let server = Server::start();
        let apart = || server.request().partition("apart");
        let manager = Manager::builder()
            .max_per_host_of(apart().host(), 1)
            .build()
            .unwrap();
        let _held = manager.allocate(apart()).await.unwrap();
        let _first = manager.allocate(server.request()).await.unwrap();
        let _second = manager.allocate(server.request()).await.unwrap();
    });
}

#[test]
fn none_at_all_can_not_work() {
    let request = Request::new("http", "127.0.0.1", 80).unwrap();
    let builder = Manager::builder().max_per_host_of(request.host(), 0);
    let error = builder.build().unwrap_err().to_string();
    assert_eq!(error, "max_per_host_of is 0, but must be at least 1");
}
