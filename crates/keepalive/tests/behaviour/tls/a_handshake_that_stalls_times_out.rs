//! T2: the error of a timeout in the handshake names it and its duration; the attempt ends.

use std::io;
use std::time::Duration;

use crate::support::tls::trusted;
use crate::support::{assert_system_error, error, run};
use keepalive::{ErrorKind, Manager, Reason, Request};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

#[test]
fn a_server_that_accepts_and_never_speaks() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let manager = Manager::builder()
            .tls(trusted().1)
            .keep_unneeded_attempts(false);
        let manager = manager.build().unwrap();
        let request = Request::new("https", "127.0.0.1", port).unwrap();
        let pending = manager.allocate(request.timeout(Duration::from_millis(50)));
        let (mut stream, _) = listener.accept().await.unwrap();
        let timed_out = error(pending.await);
        assert_eq!(timed_out.kind(), ErrorKind::Timeout);
        assert_system_error(&timed_out, "tls", io::ErrorKind::TimedOut);
        let waiting = timed_out.waiting().expect("a timeout says why");
        assert_eq!(waiting.reason(), Reason::Handshaking);
        assert!(timed_out.timing().tls > Duration::ZERO, "{timed_out:?}");
        // A hello, and the end.
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        manager.shutdown().await;
        assert_eq!(manager.totals().open, 0);
    });
}
