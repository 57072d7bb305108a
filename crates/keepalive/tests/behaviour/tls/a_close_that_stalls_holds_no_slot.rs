//! C8: a connection whose peer no longer reads cannot send `close_notify`, and holds its slot for
//! at most `close_timeout`.

#![cfg(target_os = "linux")]

use std::time::Duration;

use crate::support::tls::{Authority, deaf, trust};
use crate::support::{descriptors_to, run};
use keepalive::{Manager, Request};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

#[test]
fn the_next_request_has_the_slot() {
    run(async || {
        let authority = Authority::root("test root");
        let port = deaf(authority.issue(&["127.0.0.1"]).config()).await;
        let request = || Request::new("https", "127.0.0.1", port).unwrap();
        let manager = Manager::builder()
            .tls(trust(&authority))
            .max_open(1)
            .close_timeout(Duration::from_millis(50))
            .build()
            .unwrap();
        let mut lease = manager.allocate(request()).await.unwrap();
        let much = vec![0; 64 << 20];
        let written = timeout(Duration::from_millis(100), lease.write_all(&much)).await;
        assert!(written.is_err(), "nobody reads that much");
        lease.close();
        assert_eq!(manager.totals().closing, 1, "it cannot say so");

        let next = manager.allocate(request()).await.unwrap();
        assert_eq!(next.from_cache(), None);
        assert_eq!(manager.totals().open, 1);
        drop(next);
        manager.shutdown().await;
        let ours = descriptors_to(port);
        assert_eq!((manager.totals().open, ours), (0, 0));
    });
}
