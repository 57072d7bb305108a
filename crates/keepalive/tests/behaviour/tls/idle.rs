//! Idle TLS connections: control messages keep them, unrequested data and ends close them.

use keepalive::FromCache;

use crate::support::tls::{Authority, Order, TlsServer, idle_after, trust, trusted};
use crate::support::{build, echo, eventually, run};
#[cfg(target_os = "linux")]
use crate::support::{eventually_blocking, run_on_one_thread, unread_from};

/// C3, X1: TLS control messages on an idle connection are no reason to close it.
#[test]
fn late_tickets_keep_an_idle_connection() {
    run(async || {
        let root = Authority::root("test root");
        let server = TlsServer::holding_tickets(root.issue(&["127.0.0.1"]).config());
        let tls = trust(&root);
        let manager = build(|it| it.tls(tls.clone()));
        manager.allocate(server.request()).await.unwrap().free();
        assert_eq!(manager.totals().idle, 1);

        server.send_tickets();
        server.handshakes.until(|tally| tally.total == 1).await;
        // Resumption works as soon as the watcher alone has read the tickets.
        let other = build(|it| it.tls(tls));
        for _ in 0.. {
            let lease = other.allocate(server.request()).await.unwrap();
            if lease.tls().unwrap().is_resumed() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(manager.totals().idle, 1);
        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        echo(&mut lease, "hello").await;
    });
}

#[test]
#[cfg(target_os = "linux")] // the kernel reports unread bytes
fn tickets_found_by_the_check_keep_an_idle_connection() {
    run_on_one_thread(async || {
        let root = Authority::root("test root");
        let server = TlsServer::holding_tickets(root.issue(&["127.0.0.1"]).config());
        let manager = build(|it| it.tls(trust(&root)));
        manager.allocate(server.request()).await.unwrap().free();
        server.send_tickets();
        eventually_blocking("sent", || unread_from(server.request().host().port()) > 0);
        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        echo(&mut lease, "hello").await;
        lease.free();

        // The watch goes on after such a check.
        server.order(Order::SendByte);
        eventually("removed", || manager.totals().open == 0).await;
    });
}

#[test]
fn new_keys_keep_an_idle_connection() {
    run(async || {
        let (server, manager) = idle_after("hello").await;
        for _ in 0..10 {
            server.order(Order::Rekey);
            tokio::task::yield_now().await;
        }
        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        echo(&mut lease, "with new keys").await;
        lease.free();
        server.order(Order::Rekey);
        server.order(Order::SendByte);
        eventually("removed", || manager.totals().open == 0).await;
    });
}

/// C1, C3, C4: unrequested bytes are found in every buffer where they may be.
#[test]
fn a_byte_new_keys_without_end_and_close_notify_close_an_idle_tls_connection() {
    run(async || {
        for order in [Order::SendByte, Order::RekeyWithoutEnd, Order::Close] {
            let (server, manager) = idle_after("hello").await;
            assert_eq!(manager.totals().idle, 1);
            server.order(order);
            eventually("removed", || manager.totals().open == 0).await;
            assert_eq!(manager.totals().closed_by_peer, 1);
        }
    });
}

#[test]
fn a_decrypted_byte_left_unread_closes_a_freed_connection() {
    run(async || {
        let (server, manager) = idle_after("twice").await;
        assert_eq!(manager.totals().idle, 0);
        let lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
    });
}

#[test]
#[cfg(target_os = "linux")] // the kernel reports unread bytes
fn a_byte_or_an_end_found_by_the_check_closes_an_idle_connection() {
    run(async || {
        let (server, tls) = trusted();
        let manager = build(|it| it.tls(tls));
        for order in [Order::SendByte, Order::Close] {
            let mut lease = manager.allocate(server.request()).await.unwrap();
            echo(&mut lease, "hello").await;
            lease.free();
            server.order(order);
            // On a runtime of one thread only the check at the hand-out can find it.
            eventually_blocking("heard", || {
                unread_from(server.request().host().port()) > 0 || manager.totals().open == 0
            });
            let mut lease = manager.allocate(server.request()).await.unwrap();
            assert_eq!(lease.from_cache(), None);
            echo(&mut lease, "nothing before this").await;
            lease.close();
        }
    });
}
