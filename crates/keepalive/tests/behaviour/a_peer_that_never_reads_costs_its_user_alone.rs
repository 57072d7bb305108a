//! C2, C8: a user may give up a write that stalls; the slot is free at once, although the system
//! still has bytes for the peer.

#![cfg(target_os = "linux")]

use std::net::TcpListener;
use std::time::Duration;

use crate::support::{descriptors_to, run};
use keepalive::{Manager, Request};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

#[test]
fn a_writer_that_gives_up_frees_its_slot() {
    run(async || {
        let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = deaf.local_addr().unwrap().port();
        let request = || Request::new("test", "127.0.0.1", port).unwrap();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let mut lease = manager.allocate(request()).await.unwrap();
        let next = manager.allocate(request());

        let much = vec![0; 64 << 20];
        let written = timeout(Duration::from_millis(100), lease.write_all(&much)).await;
        assert!(written.is_err(), "nobody reads that much");
        drop(lease);

        let next = next.await.unwrap();
        assert_eq!(next.from_cache(), None);
        assert_eq!(descriptors_to(port), 1);
        drop(next);
        assert_eq!(manager.shutdown().await, 0);
        assert_eq!(descriptors_to(port), 0);
    });
}
