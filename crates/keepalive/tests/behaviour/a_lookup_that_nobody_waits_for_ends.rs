//! N1, M4: a lookup goes on only as long as a request waits for it.

use std::time::Duration;

use crate::support::{Names, Server, error, eventually, run};
use keepalive::{ErrorKind, Manager};

// On one thread, so that both wait for the lookup as soon as it has begun.
#[tokio::test]
async fn the_last_who_waits_ends_it() {
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
fn one_that_has_not_begun_never_does() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]).closed());
        let net = names.net().max_lookups(1);
        let manager = Manager::builder().connector(net).build().unwrap();
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
fn one_that_can_not_be_stopped_is_of_use_to_the_next() {
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
fn one_whose_runtime_goes_is_begun_anew() {
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
