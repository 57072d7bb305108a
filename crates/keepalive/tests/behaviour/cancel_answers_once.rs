//! T3, R6: `cancel` withdraws a request at once; it is answered once, and others keep their place.

use crate::support::{Server, error, run};
use keepalive::{ErrorKind, FromCache, Manager};

#[test]
fn a_cancelled_waiter_is_told_once_and_the_next_one_is_served() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let held = manager.allocate(server.request()).await.unwrap();
        let cancelled = manager.allocate(server.request());
        let next = manager.allocate(server.request());

        let id = cancelled.id();
        assert!(manager.cancel(id));
        assert!(!manager.cancel(id), "only once");
        assert!(manager.waiting(id).is_none());
        let cancelled = error(cancelled.await);
        assert_eq!(
            (cancelled.kind(), cancelled.id()),
            (ErrorKind::Cancelled, id)
        );
        assert_eq!(cancelled.function(), "cancel");
        assert!(!manager.cancel(id), "nor afterwards");

        held.free();
        let next = next.await.unwrap();
        assert_eq!(next.from_cache(), Some(FromCache::Deferred));
        assert!(!manager.cancel(next.id()), "it has its answer");
        let totals = manager.totals();
        assert_eq!((totals.cancelled, totals.waiting), (1, 0));
    });
}

#[test]
fn a_cancelled_request_is_posted_once() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let _held = manager.allocate(server.request()).await.unwrap();
        let (mailbox, mut responses) = keepalive::mailbox();
        let id = manager
            .allocate_to(&mailbox, server.request(), "cancelled", "context")
            .unwrap();
        drop(mailbox);

        assert!(manager.cancel(id));
        assert!(!manager.cancel(id), "only once");
        let response = responses.recv().await.unwrap();
        assert_eq!((response.id(), *response.context()), (id, "context"));
        let response = responses.recv().await;
        assert!(response.is_none(), "nothing more");
    });
}
