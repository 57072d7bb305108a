//! T1, T2: a request that waits for its host's limit ends in time, with the reason in its error.

use std::io::ErrorKind::TimedOut;
use std::time::Duration;

use crate::support::{Server, assert_system_error, echo, error, run};
use keepalive::{ErrorKind, FromCache, Manager, Reason};

#[test]
fn a_timeout_in_the_queue_names_the_limit_and_never_connects() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let held = manager.allocate(server.request()).await.unwrap();

        let limit = Duration::from_millis(1);
        let late = manager.allocate(server.request().timeout(limit));
        let id = late.id();
        let late = error(late.await);
        assert_eq!((late.kind(), late.id()), (ErrorKind::Timeout, id));
        assert_system_error(&late, "queue", TimedOut);
        let waiting = late.waiting().expect("a reason");
        assert_eq!(waiting.reason(), Reason::HostLimit { in_use: 1, max: 1 });
        assert!(late.timing().queued >= limit, "{:?}", late.timing());
        assert!(!manager.cancel(id), "it has been answered");

        held.free();
        let mut next = manager.allocate(server.request()).await.unwrap();
        assert_eq!(next.from_cache(), Some(FromCache::Immediate));
        echo(&mut next, "the same connection").await;
        let totals = manager.totals();
        assert_eq!((totals.timed_out, totals.opened), (1, 1));
        assert_eq!((totals.waiting, totals.connecting), (0, 0));
        assert_eq!(server.connections.read().total, 1);
    });
}
