//! C1: a connection is reused only if it is open on both sides.

use std::net::TcpListener;

use crate::support::run;
use keepalive::{Manager, Request};
use tokio::io::AsyncWriteExt;

#[test]
fn one_that_was_freed_after_shutdown_is_closed() {
    run(async || {
        // It never accepts, so that only the user ends a connection.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let request = Request::new("tcp", "127.0.0.1", port).unwrap();
        let manager = Manager::new();
        let mut lease = manager.allocate(request.clone()).await.unwrap();
        lease.shutdown().await.unwrap();
        lease.free();
        assert_eq!(manager.totals().open, 0);

        let mut lease = manager.allocate(request).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        lease.write_all(b"open").await.unwrap();
    });
}
