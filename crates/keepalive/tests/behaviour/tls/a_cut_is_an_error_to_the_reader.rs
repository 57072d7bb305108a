//! An end without `close_notify` may be a truncation, so the reader gets an error.

use std::io::ErrorKind;

use crate::support::tls::{Order, idle_after, trusted};
use crate::support::{echo, eventually, run};
use keepalive::Manager;
use tokio::io::AsyncReadExt;

#[test]
fn an_announced_end_is_an_end_and_a_cut_is_not() {
    run(async || {
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
        let mut rest = Vec::new();

        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "bye").await;
        assert_eq!(lease.read_to_end(&mut rest).await.unwrap(), 0);

        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "cut").await;
        let cut = lease.read_to_end(&mut rest).await.unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::UnexpectedEof, "{cut}");
    });
}

#[test]
fn an_idle_connection_whose_peer_announces_its_end_goes_at_once() {
    run(async || {
        let (server, manager) = idle_after("hello").await;
        assert_eq!(manager.totals().idle, 1);
        server.order(Order::Close);
        eventually("removed", || manager.totals().open == 0).await;
        assert_eq!(manager.totals().closed_by_peer, 1);
    });
}
