//! Requests that wait: their attempts, and the reason for the wait. The engine's tests have the order.

use std::io;
use std::task::Poll;

use keepalive::{ErrorKind, FromCache, Phase, Reason, Unusable, errno};

use crate::support::{Mock, Probe, Server, build, echo, eventually, host, run, run_on_one_thread};

#[test]
fn a_request_beside_an_answer_not_yet_taken_opens_its_own_connection() {
    run(async || {
        let (server, probe) = (Server::start(), Probe::open());
        let manager = build(|it| it.connector(probe.clone()).max_per_host(2));
        manager.allocate(server.request()).await.unwrap().free();
        // The idle connection belongs to the first request from here on, taken or not.
        let one = manager.allocate(server.request());
        let two = manager.allocate(server.request());
        let _two = two.await.unwrap();
        let _one = one.await.unwrap();
        assert_eq!(manager.totals().opened, 2);
    });
}

/// L5: a request whose attempt is slow takes a connection that comes back meanwhile.
#[test]
fn an_unneeded_attempt_is_stopped_if_so_set() {
    run(async || {
        let server = Server::start();
        let probe = Probe::closed();
        let manager = build(|it| it.connector(probe.clone()).keep_unneeded_attempts(false));
        probe.pass(1);
        let held = manager.allocate(server.request()).await.unwrap();
        let waiting = manager.allocate(server.request());
        probe.attempts.until(|tally| tally.total == 2).await;

        held.free();
        let mut lease = waiting.await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
        echo(&mut lease.stream, "in time").await;
        probe.attempts.until(|tally| tally.now == 0).await;
        eventually("free", || manager.totals().open == 1).await;
        assert_eq!(probe.open.read().now, 1);
    });
}

/// L6: the second connection that ends before its first use counts as a failed attempt.
#[test]
fn a_shared_connection_that_fails_at_once_is_opened_twice() {
    // On one thread, the manager watches the connection before a request takes its answer.
    run_on_one_thread(async || {
        let reset = || io::Error::from_raw_os_error(errno::ECONNRESET);
        let mock = Mock::shared(|| 2)
            .watch(move || Poll::Ready(Unusable::Failed(reset())))
            .check(move || Err(Unusable::Failed(reset())));
        let manager = build(|it| it.connector(mock.clone()).max_per_host(1));

        let [first, second] = [(); 2].map(|()| manager.allocate(host(0)));
        let (first, second) = tokio::join!(first, second);
        for answer in [first, second] {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect);
            assert_eq!(error.function(), "check");
            assert_eq!(error.error_num(), Some(errno::ECONNRESET));
            assert!(error.is_retryable());
            let text = error.to_string();
            assert!(text.contains("check once it was open: Connection reset by peer"));
        }
        assert_eq!(mock.open.read().total, 2);
        assert_eq!(manager.stats().total.closed_by_peer, 4);
    });
}

#[test]
fn a_connection_closed_before_its_use_is_an_error_of_check() {
    run_on_one_thread(async || {
        let mock = Mock::shared(|| 2).watch(|| Poll::Ready(Unusable::Closed));
        let manager = build(|it| it.connector(mock));
        let error = manager.allocate(host(0)).await.unwrap_err();
        assert_eq!((error.function(), error.error_num()), ("check", None));
        assert_eq!(error.error_str(), "the peer closed the connection");
        assert!(error.is_retryable());
    });
}

/// W1: a pending request reports why it waits, and for how long.
#[test]
fn a_host_at_its_limit_is_the_reason_of_a_wait() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(2));
        let first = manager.allocate(server.request()).await.unwrap();
        let _second = manager.allocate(server.request()).await.unwrap();
        let pending = manager.allocate(server.request());

        let waiting = pending.waiting().expect("a reason");
        assert_eq!(waiting.reason(), Reason::HostLimit { in_use: 2, max: 2 });
        let later = manager.waiting(pending.id()).expect("by its id, too");
        assert_eq!(later.reason(), waiting.reason());
        assert!(later.elapsed() >= waiting.elapsed());
        assert!(!waiting.to_string().is_empty());

        let id = pending.id();
        first.free();
        let _lease = pending.await.unwrap();
        assert!(manager.waiting(id).is_none(), "it waits no more");
    });
}

#[test]
fn each_phase_of_an_attempt_is_the_reason_of_a_wait() {
    run(async || {
        for (phase, reason) in [
            (Phase::Resolve, Reason::Resolving),
            (Phase::Connect, Reason::Connecting),
            (Phase::Proxy, Reason::Tunnelling),
            (Phase::Tls, Reason::Handshaking),
        ] {
            let server = Server::start();
            let probe = Probe::closed_in(phase);
            let manager = build(|it| it.connector(probe.clone()));
            let pending = manager.allocate(server.request());
            probe.attempts.until(|tally| tally.now == 1).await;
            assert_eq!(pending.waiting().expect("a reason").reason(), reason);
            probe.pass(1);
            pending.await.unwrap().free();
        }
    });
}
