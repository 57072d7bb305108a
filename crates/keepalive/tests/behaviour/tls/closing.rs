//! Ends of TLS connections: `close_notify`, cuts, and peers that no longer read.

use std::io::ErrorKind;
use std::time::Duration;

use keepalive::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[cfg(target_os = "linux")]
use crate::support::descriptors_to;
use crate::support::tls::{Authority, deaf, idle_after, trust, trusted};
use crate::support::{build, echo, run};

/// C8: the client sends `close_notify` when it closes, so that the peer can tell it from a cut.
#[test]
fn close_notify_is_sent_for_a_closed_or_dropped_lease() {
    run(async || {
        let (server, tls) = trusted();
        let manager = build(|it| it.tls(tls));
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
fn close_notify_is_sent_with_tickets_unread() {
    run(async || {
        let (server, tls) = trusted();
        let manager = build(|it| it.tls(tls));
        let lease = manager.allocate(server.request()).await.unwrap();
        server.handshakes.until(|tally| tally.total == 1).await;
        lease.close();
        server.announced.until(|tally| tally.total == 1).await;
    });
}

#[test]
fn close_notify_is_sent_at_the_end_of_keep_alive() {
    run(async || {
        let (server, tls) = trusted();
        let manager = build(|it| it.tls(tls).keep_alive(Duration::from_millis(20)));
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
        server.announced.until(|tally| tally.total == 1).await;
        manager.shutdown().await;
        assert_eq!(manager.totals().open, 0);
    });
}

#[test]
fn close_notify_is_sent_by_a_shutdown() {
    run(async || {
        let (server, manager) = idle_after("hello").await;
        manager.shutdown().await;
        server.announced.until(|tally| tally.total == 1).await;
    });
}

/// C8: a connection whose peer no longer reads cannot send `close_notify`, and holds its permit for
/// at most `close_timeout`.
#[cfg(target_os = "linux")]
#[test]
fn a_close_that_stalls_gives_its_permit_to_the_next_request() {
    run(async || {
        let authority = Authority::root("test root");
        let port = deaf(authority.issue(&["127.0.0.1"]).config()).await;
        let request = || Request::new("https", "127.0.0.1", port).unwrap();
        let manager = build(|it| {
            it.tls(trust(&authority))
                .max_open(1)
                .close_timeout(Duration::from_millis(50))
        });
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

/// An end without `close_notify` may be a truncation, so the reader gets an error.
#[test]
fn an_end_without_close_notify_is_an_error_to_the_reader() {
    run(async || {
        let (server, tls) = trusted();
        let manager = build(|it| it.tls(tls));
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
