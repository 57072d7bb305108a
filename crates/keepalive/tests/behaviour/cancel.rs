//! Requests that are cancelled or dropped.

use keepalive::{ErrorKind, FromCache, Manager};

use crate::support::{Server, build, echo, error, run};

/// T3, R6: `cancel` withdraws a request at once; it is answered once, and others keep their place.
#[test]
fn a_cancelled_waiter_is_answered_once_and_the_next_is_served() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(1));
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
        let manager = build(|it| it.max_per_host(1));
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

/// T3: an idle connection that was given to a request and not taken is idle again.
#[test]
fn a_hit_that_is_cancelled_or_dropped_is_idle_again() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        manager.allocate(server.request()).await.unwrap().free();

        let hit = manager.allocate(server.request());
        assert!(manager.cancel(hit.id()));
        assert!(!manager.cancel(hit.id()), "only once");
        assert_eq!(error(hit.await).kind(), ErrorKind::Cancelled);
        assert_eq!(manager.totals().idle, 1);

        drop(manager.allocate(server.request()));
        assert_eq!(manager.totals().idle, 1);

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        echo(&mut lease, "reused").await;
        assert_eq!(server.connections.read().total, 1);
    });
}

/// T3: dropping a pending request frees its place, and passes its connection to the next one.
#[test]
fn a_connection_assigned_to_a_dropped_waiter_goes_to_the_next() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(1));
        let held = manager.allocate(server.request()).await.unwrap();
        let dropped = manager.allocate(server.request());
        let next = manager.allocate(server.request());

        held.free();
        assert_eq!(manager.totals().waiting, 1, "the first has its answer");
        drop(dropped);
        let mut next = next.await.unwrap();
        assert_eq!(next.from_cache(), Some(FromCache::Deferred));
        echo(&mut next, "served").await;
        assert_eq!(server.connections.read().total, 1);
    });
}
