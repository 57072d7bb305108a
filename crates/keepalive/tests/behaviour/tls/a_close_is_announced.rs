//! C8: the client sends `close_notify` when it closes, so that the peer can tell it from a cut.

use std::time::Duration;

use crate::support::tls::{idle_after, trusted};
use crate::support::{echo, run};
use keepalive::Manager;

#[test]
fn by_its_user() {
    run(async || {
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
        for round in 1..=2 {
            let mut lease = manager.allocate(server.request()).await.unwrap();
            echo(&mut lease, "hello").await;
            if round == 1 {
                lease.close();
            } else {
                drop(lease);
            }
            server.announced.until(|tally| tally.total == round).await;
        }
    });
}

#[test]
fn right_after_the_handshake_with_tickets_unread() {
    run(async || {
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
        let lease = manager.allocate(server.request()).await.unwrap();
        server.handshakes.until(|tally| tally.total == 1).await;
        lease.close();
        server.announced.until(|tally| tally.total == 1).await;
    });
}

#[test]
fn when_its_time_is_over() {
    run(async || {
        let (server, tls) = trusted();
        let manager = Manager::builder()
            .tls(tls)
            .keep_alive(Duration::from_millis(20))
            .build()
            .unwrap();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
        server.announced.until(|tally| tally.total == 1).await;
        manager.shutdown().await;
        assert_eq!(manager.totals().open, 0);
    });
}

#[test]
fn at_the_end() {
    run(async || {
        let (server, manager) = idle_after("hello").await;
        manager.shutdown().await;
        server.announced.until(|tally| tally.total == 1).await;
    });
}
