//! R4, R5: a request has its id at once and its answer later, even if a connection is idle.

use std::collections::HashSet;

use crate::support::{Server, echo, run};
use keepalive::{FromCache, Manager};

#[test]
fn the_id_comes_first_and_names_the_answer() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let mut ids = HashSet::new();

        let first = manager.allocate(server.request());
        ids.insert(first.id());
        let first = first.await.unwrap();
        assert!(ids.contains(&first.id()));
        first.free();

        let hit = manager.allocate(server.request());
        assert!(ids.insert(hit.id()), "ids are unique");
        let hit = hit.await.unwrap();
        assert!(ids.contains(&hit.id()));
        assert_eq!(hit.from_cache(), Some(FromCache::Immediate));
        hit.free();

        let (mailbox, mut responses) = keepalive::mailbox();
        let id = manager
            .allocate_to(&mailbox, server.request(), "hit", ())
            .unwrap();
        assert!(ids.insert(id), "ids are unique");
        assert_eq!(manager.totals().open, 1, "nothing was lost");
        let response = responses.recv().await.unwrap();
        assert_eq!(response.id(), id);
        assert_eq!(response.from_cache(), Some(FromCache::Immediate));
        let mut lease = response.into_connection().unwrap();
        assert_eq!(lease.id(), id);
        echo(&mut lease, "by post").await;
        assert_eq!(server.connections.read().total, 1);
    });
}

#[test]
fn a_posted_answer_that_nobody_takes_keeps_no_slot() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_open(1).build().unwrap();
        let (mailbox, responses) = keepalive::mailbox();
        manager
            .allocate_to(&mailbox, server.request(), "unread", ())
            .unwrap();
        server.connections.until(|tally| tally.total == 1).await;
        drop(responses);

        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "the slot is back").await;
    });
}
