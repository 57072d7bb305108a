//! C7, M5: the end of a manager, by a shutdown or with its last handle.

use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use keepalive::{AllocateError, ErrorKind, Manager};
use tokio::runtime::{Builder, Handle};

#[cfg(target_os = "linux")]
use crate::support::descriptors_to;
use crate::support::{
    LIMIT, Mock, Server, build, echo, error, eventually, host, on_one_thread, poll_once, run,
    run_on_threads,
};

/// C7, R6: shutdown answers each waiting request, and each later one, exactly once.
#[test]
fn shutdown_answers_waiting_and_later_requests_once() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(1));
        let held = manager.allocate(server.request()).await.unwrap();
        let (mailbox, mut responses) = keepalive::mailbox();
        let waiting = manager.allocate(server.request());
        let ask = |context| {
            manager
                .allocate_to(&mailbox, server.request(), "answer", context)
                .unwrap()
        };
        let posted = ask("before");

        let mut shutdown = pin!(manager.shutdown());
        let refused = error(waiting.await);
        assert_eq!(refused.kind(), ErrorKind::ShutDown);
        assert_eq!(refused.function(), "shutdown");
        let late = error(manager.allocate(server.request()).await);
        assert_eq!(late.kind(), ErrorKind::ShutDown);
        assert!(!manager.cancel(posted), "it has been answered");

        ask("after");
        drop(mailbox);
        for context in ["before", "after"] {
            let response = responses.recv().await.expect("an answer for each");
            assert_eq!(*response.context(), context);
            let kind = response.error().map(AllocateError::kind);
            assert_eq!(kind, Some(ErrorKind::ShutDown));
        }
        assert!(responses.recv().await.is_none());

        assert!(
            poll_once(shutdown.as_mut()).is_pending(),
            "one is still out"
        );
        held.free();
        assert_eq!(shutdown.await, 0);
        assert_eq!(manager.totals().opened, 1, "nothing was begun");
    });
}

/// Lets spawned tasks run before the waking goes on.
struct Patient(Handle);

impl Wake for Patient {
    fn wake(self: Arc<Self>) {
        let (sender, receiver) = mpsc::channel();
        self.0.spawn(async move { sender.send(()) });
        let _ = receiver.recv_timeout(Duration::from_secs(1));
    }
}

/// C7: a permit that a shutdown frees does not start another attempt.
#[test]
fn shutdown_begins_no_attempt_while_it_answers_two_hundred_waiters() {
    run_on_threads(LIMIT, async || {
        let mock = Mock::stuck();
        let manager = build(|it| it.connector(mock.clone()).max_connecting(1));
        let waker = Waker::from(Arc::new(Patient(Handle::current())));
        let mut waiting: Vec<_> = (0..200).map(|n| manager.allocate(host(n))).collect();
        for waiter in &mut waiting {
            let polled = Pin::new(waiter).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        mock.attempts.until(|tally| tally.now == 1).await;

        assert_eq!(manager.shutdown().await, 0);
        let tally = mock.attempts.read();
        assert_eq!((tally.now, tally.total), (0, 1));
    });
}

/// C7: a lease stays usable during a shutdown, which ends when the lease returns or time is up.
#[cfg(target_os = "linux")]
#[test]
fn shutdown_completes_when_the_last_lease_is_dropped() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let mut held = manager.allocate(server.request()).await.unwrap();
        let idle = manager.allocate(server.request()).await.unwrap();
        idle.free();

        let mut shutdown = pin!(manager.shutdown());
        assert!(poll_once(shutdown.as_mut()).is_pending());
        server.closed(1).await;
        echo(&mut held, "after the shutdown began").await;
        assert!(poll_once(shutdown.as_mut()).is_pending());
        drop(held);
        assert_eq!(shutdown.await, 0);
        assert_eq!(descriptors_to(server.port()), 0);
        assert_eq!(manager.totals().open, 0);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn shutdown_within_a_time_returns_the_number_of_leases_out() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let mut held = manager.allocate(server.request()).await.unwrap();

        let limit = Duration::from_millis(50);
        let start = Instant::now();
        assert_eq!(manager.shutdown().within(limit).await, 1);
        assert!(start.elapsed() >= limit);
        echo(&mut held, "out, and still good").await;
        held.free();
        assert_eq!(manager.shutdown().await, 0);
        assert_eq!(descriptors_to(server.port()), 0);
    });
}

/// C7: outside of a runtime, `shutdown().within` returns the number of leases out at once.
#[test]
fn shutdown_within_a_time_is_ready_at_once_without_a_runtime() {
    let manager = build(|it| it.connector(Mock::new()));
    let runtime = on_one_thread();
    let lease = runtime.block_on(async { manager.allocate(host(0)).await.unwrap() });
    let shutdown = || manager.shutdown().within(Duration::from_secs(60));
    assert_eq!(poll_once(pin!(shutdown())), Poll::Ready(1));
    lease.free();
    assert_eq!(poll_once(pin!(shutdown())), Poll::Ready(0));
}

#[test]
fn shutdown_within_a_time_is_ready_at_once_without_timers() {
    let manager = build(|it| it.connector(Mock::new()));
    let runtime = on_one_thread();
    let lease = runtime.block_on(async { manager.allocate(host(0)).await.unwrap() });
    let shutdown = manager.shutdown().within(Duration::from_secs(60));
    let untimed = Builder::new_current_thread().build().unwrap();
    assert_eq!(untimed.block_on(shutdown), 1);
    drop(lease);
}

/// C7: a leaked lease keeps its permit, and delays a shutdown only until its time limit.
#[test]
fn shutdown_within_a_time_counts_a_forgotten_lease() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(2));
        std::mem::forget(manager.allocate(server.request()).await.unwrap());
        assert_eq!(manager.leases().len(), 1);

        for turn in 0..3 {
            let mut lease = manager.allocate(server.request()).await.unwrap();
            echo(&mut lease, "the other permit works").await;
            assert_eq!(lease.from_cache().is_some(), turn > 0);
            lease.free();
        }

        let start = Instant::now();
        let limit = Duration::from_millis(50);
        assert_eq!(manager.shutdown().within(limit).await, 1);
        assert!(start.elapsed() >= limit);
        let totals = manager.totals();
        assert_eq!((totals.open, totals.leased, totals.idle), (1, 1, 0));
    });
}

/// M5: when the last handle goes, idle connections close, waiters get an error, leases stay usable.
#[cfg(target_os = "linux")]
#[test]
fn the_last_handle_closes_idle_connections_and_ends_waits() {
    run(async || {
        let (server, idle) = (Server::start(), Server::start());
        let manager = build(|it| it.max_per_host(1));
        manager.allocate(idle.request()).await.unwrap().free();
        let mut held = manager.allocate(server.request()).await.unwrap();
        let waiting = manager.allocate(server.request());

        let last = manager.clone();
        drop(manager);
        let totals = last.totals();
        assert_eq!((totals.idle, totals.leased, totals.waiting), (1, 1, 1));
        drop(last);
        assert_eq!(error(waiting.await).kind(), ErrorKind::ShutDown);
        idle.closed(1).await;
        eventually("closed", || descriptors_to(idle.port()) == 0).await;

        echo(&mut held, "without a manager").await;
        held.free();
        server.closed(1).await;
        eventually("closed", || descriptors_to(server.port()) == 0).await;
    });
}
