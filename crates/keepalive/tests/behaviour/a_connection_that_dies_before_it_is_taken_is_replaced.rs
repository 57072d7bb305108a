//! C4: a connection that its peer has closed is not handed out, even if it was assigned before.

use crate::support::{Server, echo, eventually, run};
use keepalive::{Manager, Pending};

/// A manager with one connection per host.
fn manager() -> Manager {
    Manager::builder()
        .max_per_host(1)
        .build()
        .expect("settings that work")
}

/// A request that has been answered with a freed connection, which has not been taken.
async fn assigned(manager: &Manager, server: &Server) -> Pending {
    let held = manager.allocate(server.request()).await;
    let mut held = held.expect("a connection");
    echo(&mut held, "before").await;
    let waiter = manager.allocate(server.request());
    held.free();
    assert!(waiter.waiting().is_none(), "it has its answer");
    waiter
}

#[test]
fn a_waiter_that_takes_its_answer_late_gets_another() {
    run(async || {
        let (server, manager) = (Server::start(), manager());
        let waiter = assigned(&manager, &server).await;
        server.close_all().await;

        let mut lease = waiter.await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "alive").await;
        let totals = manager.totals();
        assert_eq!((totals.open, totals.closed_by_peer), (1, 1));
    });
}

#[test]
fn a_response_that_is_taken_late_has_another() {
    run(async || {
        let (server, manager) = (Server::start(), manager());
        let mut held = manager.allocate(server.request()).await.unwrap();
        echo(&mut held, "before").await;
        let (mailbox, mut responses) = keepalive::mailbox();
        let id = manager
            .allocate_to(&mailbox, server.request(), "late", 1)
            .unwrap();
        drop(mailbox);
        held.free();
        assert!(manager.waiting(id).is_none(), "it has its answer");
        server.close_all().await;

        let response = responses.recv().await.expect("an answer");
        assert_eq!(response.id(), id);
        let mut lease = response.into_connection().expect("a connection");
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "alive").await;
        assert!(responses.recv().await.is_none(), "only one answer");
        assert_eq!(manager.totals().open, 1);
    });
}

/// A request is dropped or cancelled after its connection has died; the next gets another.
async fn next_is_served(assigned: Pending, manager: &Manager, server: &Server, cancel: bool) {
    let next = manager.allocate(server.request());
    assert!(next.waiting().is_some());
    server.close_all().await;
    if cancel {
        assert!(manager.cancel(assigned.id()));
    }
    drop(assigned);

    let mut lease = next.await.expect("a connection");
    assert_eq!(lease.from_cache(), None);
    echo(&mut lease, "alive").await;
}

#[test]
fn a_freed_connection_that_died_is_not_passed_on() {
    run(async || {
        for cancel in [false, true] {
            let (server, manager) = (Server::start(), manager());
            let dropped = assigned(&manager, &server).await;
            next_is_served(dropped, &manager, &server, cancel).await;
        }
    });
}

#[test]
fn a_new_connection_that_died_is_not_passed_on() {
    run(async || {
        for cancel in [false, true] {
            let (server, manager) = (Server::start(), manager());
            let dropped = manager.allocate(server.request());
            eventually("assigned", || dropped.waiting().is_none()).await;
            server.connections.until(|tally| tally.now == 1).await;
            next_is_served(dropped, &manager, &server, cancel).await;
        }
    });
}
