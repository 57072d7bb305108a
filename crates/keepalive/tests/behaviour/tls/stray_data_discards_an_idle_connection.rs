//! C1, C3, C4: unrequested bytes are found in every buffer where they may be.

use crate::support::tls::{Order, idle_after, trusted};
use crate::support::{echo, eventually, run};
#[cfg(target_os = "linux")]
use crate::support::{eventually_blocking, unread_from};
use keepalive::Manager;

#[test]
fn a_byte_that_comes_while_it_is_idle() {
    run(async || {
        let (server, manager) = idle_after("hello").await;
        assert_eq!(manager.totals().idle, 1);
        server.order(Order::SendByte);
        eventually("removed", || manager.totals().open == 0).await;
    });
}

#[test]
fn a_byte_that_the_session_has_already_decrypted() {
    run(async || {
        let (server, manager) = idle_after("twice").await;
        assert_eq!(manager.totals().idle, 0);
        let lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
    });
}

#[test]
#[cfg(target_os = "linux")] // the kernel reports unread bytes
fn a_byte_or_an_end_that_only_the_hand_out_finds() {
    run(async || {
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
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
