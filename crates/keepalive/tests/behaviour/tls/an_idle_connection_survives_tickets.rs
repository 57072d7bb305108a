//! C3, X1: TLS control messages on an idle connection are no reason to close it.

use crate::support::tls::{Authority, Order, TlsServer, idle_after, trust};
use crate::support::{echo, eventually, run};
#[cfg(target_os = "linux")]
use crate::support::{eventually_blocking, run_on_one_thread, unread_from};
use keepalive::{FromCache, Manager};

#[test]
fn tickets_that_come_late() {
    run(async || {
        let root = Authority::root("test root");
        let server = TlsServer::holding_tickets(root.issue(&["127.0.0.1"]).config());
        let tls = trust(&root);
        let manager = Manager::builder().tls(tls.clone()).build().unwrap();
        manager.allocate(server.request()).await.unwrap().free();
        assert_eq!(manager.totals().idle, 1);

        server.send_tickets();
        server.handshakes.until(|tally| tally.total == 1).await;
        // Resumption works as soon as the watcher alone has read the tickets.
        let other = Manager::builder().tls(tls).build().unwrap();
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
fn tickets_that_only_the_hand_out_finds() {
    run_on_one_thread(async || {
        let root = Authority::root("test root");
        let server = TlsServer::holding_tickets(root.issue(&["127.0.0.1"]).config());
        let manager = Manager::builder().tls(trust(&root)).build().unwrap();
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
fn new_keys() {
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

#[test]
fn not_without_end() {
    run(async || {
        let (server, manager) = idle_after("hello").await;
        assert_eq!(manager.totals().idle, 1);
        server.order(Order::RekeyWithoutEnd);
        eventually("removed", || manager.totals().open == 0).await;
    });
}
