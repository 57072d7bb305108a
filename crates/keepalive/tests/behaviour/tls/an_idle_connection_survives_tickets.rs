//! C3: what TLS says for itself on an idle connection is no reason to close it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::tls::{Authority, Order, TlsServer, trusted};
use crate::support::{echo, eventually, run};
use keepalive::{FromCache, Manager};

#[test]
fn tickets_that_come_late() {
    run(async || {
        let root = Authority::root("test root");
        let config = root.issue(&["127.0.0.1"]).config();
        let server = TlsServer::holding_tickets(config);
        let tls = root.trusted();
        let manager = Manager::builder().tls(tls.clone()).build().unwrap();
        manager.allocate(server.request()).await.unwrap().free();
        assert_eq!(manager.totals().idle, 1);

        server.send_tickets();
        server.handshakes.until(|tally| tally.total == 1).await;
        // Resumed as soon as the tickets have been taken in, by the watcher alone.
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
fn tickets_that_only_the_hand_out_finds() {
    run(async || {
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
        manager.allocate(server.request()).await.unwrap().free();
        // This blocks the thread: on a runtime of one thread nothing but the check at the
        // hand-out can find the tickets.
        let start = Instant::now();
        while server.handshakes.read().total < 1 {
            assert!(start.elapsed() < Duration::from_secs(5), "no handshake");
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_millis(5));
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
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
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
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
        assert_eq!(manager.totals().idle, 1);
        server.order(Order::RekeyWithoutEnd);
        eventually("removed", || manager.totals().open == 0).await;
    });
}
