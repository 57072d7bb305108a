//! M4: when the runtime ends, all pending requests end and no slot is lost.

use crate::support::{Mock, Server, Silent, echo, error, eventually, host, run};
use keepalive::{ErrorKind, Manager};
use tokio::runtime::Builder;

/// Runs on a runtime of its own, which is gone when this returns.
fn elsewhere<T: Send>(test: impl AsyncFn() -> T + Sync) -> T {
    let run = || {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(test())
    };
    std::thread::scope(|scope| scope.spawn(run).join()).expect("no panic")
}

#[test]
fn what_is_pending_when_the_runtime_goes_ends_and_another_runtime_goes_on() {
    run(async || {
        let (server, silent) = (Server::start(), Silent::start().await);
        let manager = Manager::builder().max_per_host(1).max_open(2);
        let manager = manager.build().unwrap();
        let (held, queued, connecting) = elsewhere(async || {
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
        echo(&mut first, "both slots").await;
        echo(&mut second, "are there").await;
    });
}

#[test]
fn an_idle_connection_of_a_runtime_that_has_gone_is_replaced() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_open(1).build().unwrap();
        elsewhere(async || {
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
fn what_is_freed_without_a_runtime_is_closed() {
    let mock = Mock::new();
    let manager = Manager::builder().connector(mock.clone()).build().unwrap();
    let (lease, unread) = elsewhere(async || {
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
