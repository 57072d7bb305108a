//! M4: a runtime that ends, and the requests and connections that it had.

use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use keepalive::{ErrorKind, Manager, Pending, Request};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::support::{
    Mock, Server, Silent, build, echo, error, eventually, host, on_one_thread, poll_once, run,
    run_on_a_thread,
};

/// Runs on a runtime of its own, which is gone when this returns.
fn on_a_short_runtime<T: Send>(test: impl AsyncFn() -> T + Sync) -> T {
    let run = || on_one_thread().block_on(test());
    std::thread::scope(|scope| scope.spawn(run).join()).expect("no panic")
}

/// M4: when the runtime ends, all pending requests end and no permit is lost.
#[test]
fn pending_requests_end_with_their_runtime_and_lose_no_permit() {
    run(async || {
        let (server, silent) = (Server::start(), Silent::start().await);
        let manager = build(|it| it.max_per_host(1).max_open(2));
        let (held, queued, connecting) = on_a_short_runtime(async || {
            let held = manager.allocate(server.request()).await.unwrap();
            let queued = manager.allocate(server.request());
            let connecting = manager.allocate(silent.request());
            tokio::task::yield_now().await;
            (held, queued, connecting)
        });

        assert_eq!(error(connecting.await).kind(), ErrorKind::Runtime);
        assert_eq!(error(queued.await).kind(), ErrorKind::Runtime);
        drop(held);
        eventually("free", || manager.totals().open == 0).await;
        assert_eq!(manager.totals().waiting, 0);

        let other = Server::start();
        let first = manager.allocate(server.request());
        let second = manager.allocate(other.request());
        let (mut first, mut second) = (first.await.unwrap(), second.await.unwrap());
        echo(&mut first, "both permits").await;
        echo(&mut second, "are there").await;
    });
}

#[test]
fn an_idle_connection_of_a_runtime_that_has_gone_is_replaced() {
    run(async || {
        let server = Server::start();
        let manager = build(|it| it.max_open(1));
        on_a_short_runtime(async || {
            let mut lease = manager.allocate(server.request()).await.unwrap();
            echo(&mut lease, "before").await;
            lease.free();
        });

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "after").await;
        assert_eq!(manager.totals().open, 1);
    });
}

#[test]
fn a_connection_freed_after_the_end_of_its_runtime_is_closed() {
    let mock = Mock::new();
    let manager = build(|it| it.connector(mock.clone()));
    let (lease, unread) = on_a_short_runtime(async || {
        let lease = manager.allocate(host(0)).await.unwrap();
        let unread = manager.allocate(host(0));
        eventually("answered", || unread.waiting().is_none()).await;
        (lease, unread)
    });

    // The manager could not watch them here, or close them in time.
    lease.free();
    assert_eq!(mock.open.read().now, 1);
    drop(unread);
    assert_eq!((mock.open.read().now, manager.totals().open), (0, 0));
}

/// M4, R6: if the runtime ends and then the connection of an untaken answer dies, the answer
/// becomes an error and the request does not hang.
#[test]
fn an_answer_whose_connection_dies_after_its_runtime_is_an_error() {
    let mock = Mock::shared(|| 2);
    let manager = build(|it| it.connector(mock.clone()).max_per_host(1));
    let runtime = on_one_thread();
    let (lease, answered) = runtime.block_on(async {
        let lease = manager.allocate(host(0)).await.unwrap();
        let answered = manager.allocate(host(0));
        eventually("answered", || answered.waiting().is_none()).await;
        (lease, answered)
    });
    drop(runtime);

    // The other lease keeps the connection open, and so the host at its limit.
    mock.peer_closes();
    match poll_once(pin!(answered)) {
        Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::Runtime),
        Poll::Ready(Ok(_)) => panic!("its connection has died"),
        Poll::Pending => panic!("nothing will ever end this wait"),
    }
    drop(lease);
    assert_eq!(manager.totals().open, 0);
}

/// Makes another request, from within another runtime, as soon as it is woken.
struct AskAgain {
    manager: Manager<Mock>,
    runtime: Handle,
    asked: Mutex<Option<Pending<Mock>>>,
}

impl Wake for AskAgain {
    fn wake(self: Arc<Self>) {
        // The runtime that is going is still the current one of this thread.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _within = self.runtime.enter();
                *self.asked.lock().expect("no panic") = Some(self.manager.allocate(host(0)));
            });
        });
    }
}

fn ask_again_while_the_first_runtime_goes() {
    let (old, new) = (on_one_thread(), on_one_thread());
    let stuck = Arc::new(AtomicBool::new(true));
    let mock = Mock::stuck_while(&stuck);
    let manager = build(|it| it.connector(mock.clone()));
    let again = Arc::new(AskAgain {
        manager: manager.clone(),
        runtime: new.handle().clone(),
        asked: Mutex::default(),
    });
    let mut first = old.block_on(async {
        let mut first = manager.allocate(host(0));
        let waker = Waker::from(Arc::clone(&again));
        let polled = Pin::new(&mut first).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        // Some more tasks, so that some go before the one that every manager has.
        let others: Vec<_> = (1..5).map(|n| manager.allocate(host(n))).collect();
        mock.attempts.until(|tally| tally.now == 5).await;
        drop(waker);
        (first, others)
    });
    stuck.store(false, SeqCst);
    drop(old);

    let asked = again
        .asked
        .lock()
        .expect("no panic")
        .take()
        .expect("it was woken");
    new.block_on(async {
        assert_eq!(error((&mut first.0).await).kind(), ErrorKind::Runtime);
        asked.await.expect("a connection of the new runtime").free();
    });
}

/// M4: a runtime that ends takes its own pending requests along, and none of the next runtime.
#[test]
fn a_request_made_on_another_runtime_while_the_first_ends_is_served() {
    // The runtime chooses the order in which its tasks end; several rounds vary it.
    run_on_a_thread(2 << 20, || {
        for _ in 0..8 {
            ask_again_while_the_first_runtime_goes();
        }
    });
}

/// M4: when the runtime ends, any number of pending requests end on a small stack.
#[test]
fn two_thousand_waiters_end_with_their_runtime_on_a_small_stack() {
    let mock = Mock::stuck();
    let manager = build(|it| {
        it.max_open(10_000)
            .max_connecting(1)
            .connector(mock.clone())
    });
    let waiters: Vec<Pending<Mock>> = run_on_a_thread(256 << 10, move || {
        on_one_thread().block_on(async {
            let waiters = (0..2_000).map(|n| manager.allocate(host(n))).collect();
            mock.attempts.until(|tally| tally.now == 1).await;
            waiters
        })
    });
    for waiter in waiters {
        let Poll::Ready(answer) = poll_once(pin!(waiter)) else {
            panic!("it still waits");
        };
        assert_eq!(error(answer).kind(), ErrorKind::Runtime);
    }
}

/// M4: requests of two runtimes that are both the first: the end of one is not felt by the other.
#[test]
fn the_first_requests_of_two_runtimes_do_not_depend_on_each_others_runtime() {
    for round in 0..300 {
        let (end, ended) = watch::channel(false);
        // Attempts to the host `patient` last until the other runtime has ended.
        let mock = Mock::new().connect(move |attempt| {
            let is_patient = attempt.host().scheme() == "patient";
            let mut ended = ended.clone();
            async move {
                if is_patient {
                    ended.wait_for(|ended| *ended).await.expect("an end");
                }
                Ok(())
            }
        });
        let manager = build(|it| it.connector(mock));
        let (start, manager) = (Barrier::new(2), &manager);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                on_a_short_runtime(async || {
                    start.wait();
                    let request = Request::new("brief", "127.0.0.1", 1).unwrap();
                    manager.allocate(request).await.unwrap().free();
                });
                end.send(true).unwrap();
            });
            let patient = on_a_short_runtime(async || {
                start.wait();
                let request = Request::new("patient", "127.0.0.1", 1).unwrap();
                manager.allocate(request).await.map(drop)
            });
            assert!(patient.is_ok(), "round {round}: {patient:?}");
        });
    }
}
