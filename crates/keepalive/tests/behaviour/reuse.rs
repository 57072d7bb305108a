//! Leases that come back: which connections are reused, and which are closed.

use std::future::ready;
use std::net::TcpListener;
use std::pin::pin;
use std::task::Poll;
use std::thread::sleep;
use std::time::Duration;

use keepalive::{ErrorKind, FromCache, Manager, Request};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

#[cfg(target_os = "linux")]
use crate::support::descriptors_to;
use crate::support::{Mock, Server, build, echo, error, eventually, host, poll_once, run};

/// R8, T3: `lease` takes an idle connection or waits in turn, and dropping it cancels the request.
#[test]
fn lease_takes_an_idle_connection_at_its_first_poll() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let request = server.request();

        let mut lease = manager.lease(&request).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "first").await;
        lease.free();

        let poll = poll_once(pin!(manager.lease(&request)));
        let Poll::Ready(Ok(mut lease)) = poll else {
            panic!("it is there: {poll:?}");
        };
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        assert_eq!(manager.totals().reused_immediate, 1);
        let line = manager.leases()[0].location;
        assert!(line.file().ends_with("reuse.rs"), "{line}");
        echo(&mut lease, "second").await;
        lease.free();
        assert_eq!(manager.totals().idle, 1);
    });
}

#[test]
fn lease_waits_in_turn_and_a_dropped_one_is_cancelled() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(1));
        let request: Request = server.request();
        let held = manager.lease(&request).await.unwrap();

        let mut impatient = Box::pin(manager.lease(&request));
        assert!(poll_once(impatient.as_mut()).is_pending());
        let mut patient = pin!(manager.lease(&request));
        assert!(poll_once(patient.as_mut()).is_pending());
        assert_eq!(manager.totals().waiting, 2);

        drop(impatient);
        assert_eq!(manager.totals().cancelled, 1);
        held.free();
        let lease = patient.await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
    });
}

#[test]
fn lease_makes_no_request_before_it_is_polled() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let request = server.request();
        drop(manager.lease(&request));
        let totals = manager.totals();
        assert_eq!((totals.waiting, totals.cancelled, totals.open), (0, 0, 0));
    });
}

/// C2: a lease that is dropped without `free` may be in the middle of something, so it closes.
#[test]
fn a_lease_dropped_without_free_is_closed_and_not_reused() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_open(1));
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "first").await;
        drop(lease);
        server.closed(1).await;

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "second").await;
        assert_eq!(server.connections.read().total, 2);
    });
}

/// C1: a connection is reused only if it is open on both sides.
#[test]
fn a_connection_freed_after_its_users_shutdown_is_closed() {
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

/// C1: a connection given back with unread data is closed: its next user would read that data.
#[test]
fn a_connection_freed_with_unread_data_is_closed() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(1));
        let mut lease = manager.allocate(server.request()).await.unwrap();
        // The server answers this twice, in one write; the second line stays unread.
        echo(&mut lease, "twice").await;
        lease.free();
        server.closed(1).await;

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "the right answer").await;
    });
}

#[test]
fn a_waiter_is_not_given_a_connection_with_unread_data() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(1));
        let mut lease = manager.allocate(server.request()).await.unwrap();
        let waiting = manager.allocate(server.request());
        echo(&mut lease, "twice").await;
        lease.free();

        let mut lease = waiting.await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "the right answer").await;
    });
}

/// C2, C8: a user may give up a write that stalls; the permit is free at once, although the system
/// still has bytes for the peer.
#[cfg(target_os = "linux")]
#[test]
fn a_writer_that_gives_up_frees_its_permit() {
    run(async || {
        let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = deaf.local_addr().unwrap().port();
        let request = || Request::new("test", "127.0.0.1", port).unwrap();
        let manager = build(|it| it.max_per_host(1));
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

/// C8: closing takes at most `close_timeout`; a connection that never closes holds no permit.
#[test]
fn a_permit_comes_back_from_a_connection_that_never_closes() {
    run(async || {
        let mock = Mock::new().close(|| Poll::Pending);
        let manager = build(|it| {
            it.connector(mock.clone())
                .max_open(1)
                .close_timeout(Duration::from_millis(20))
        });
        for round in 1..=3 {
            let lease = manager.allocate(host(0)).await.unwrap();
            let tally = mock.open.read();
            assert_eq!((tally.now, tally.highest, tally.total), (1, 1, round));
            lease.close();
        }
        assert_eq!(manager.shutdown().await, 0);
        assert_eq!(mock.open.read().now, 0);
    });
}

/// C8: a connection that opens after its request has timed out does not hold its permit for long.
#[test]
fn a_connection_opened_too_late_that_never_closes_is_dropped() {
    run(async || {
        // The attempt is not withdrawn at its deadline, because it does not let go of its thread.
        let mock = Mock::new().close(|| Poll::Pending).connect(|_| {
            sleep(Duration::from_millis(40));
            ready(Ok(()))
        });
        let manager = build(|it| {
            it.connector(mock.clone())
                .timeout(Duration::from_millis(10))
                .close_timeout(Duration::from_millis(20))
        });
        // On a loaded machine an attempt may be withdrawn before it has begun; that proves nothing.
        while mock.attempts.read().total == 0 {
            let error = error(manager.allocate(host(0)).await);
            assert_eq!(error.kind(), ErrorKind::Timeout);
        }
        mock.open.until(|tally| tally.gone == 1).await;
        eventually("the permit is back", || manager.totals().open == 0).await;
    });
}
