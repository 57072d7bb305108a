//! R6, T1: a task that blocks the only thread delays all requests, and loses none.

use std::time::{Duration, Instant};

use crate::support::{Order, Server, echo, error, run_or_hang};
use keepalive::{ErrorKind, Manager};

#[test]
fn what_was_due_meanwhile_happens_once_afterwards() {
    run_or_hang(async || {
        let (server, idle) = (Server::start(), Server::start());
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let held = manager.allocate(server.request()).await.unwrap();
        let mut lease = manager.allocate(idle.request()).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();
        let limit = Duration::from_millis(20);
        let late: Vec<_> = (0..100)
            .map(|_| manager.allocate(server.request().timeout(limit)))
            .collect();
        let patient = manager.allocate(server.request());

        idle.order(Order::Close);
        block_for(5 * limit);

        // The watcher could not run when the peer closed it, and still it is not handed out.
        let mut lease = manager.allocate(idle.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "a new one").await;
        for pending in late {
            assert_eq!(error(pending.await).kind(), ErrorKind::Timeout);
        }
        held.free();
        echo(&mut patient.await.unwrap(), "in time").await;
        let totals = manager.totals();
        assert_eq!((totals.timed_out, totals.waiting), (100, 0));
    });
}

/// Keeps the thread busy, as a task that never yields does.
fn block_for(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
