//! Figures of a manager, and its list of leases.

use std::time::Duration;

use keepalive::{Counts, ErrorKind, Manager, Stats};
use tokio::task::JoinSet;

use crate::support::{
    Order, Refusing, Server, build, echo, error, eventually, run, run_on_threads,
};

/// The figures of all hosts add up to those of the manager, at every instant.
fn assert_sums(stats: &Stats) {
    let mut sum = Counts::default();
    for host in &stats.hosts {
        let counts = host.counts;
        let states = counts.connecting + counts.leased + counts.idle + counts.closing;
        assert_eq!(counts.open, states, "{counts:?}");
        sum += counts;
    }
    assert_eq!(stats.total, sum, "{stats:?}");
}

/// W4: the figures add up, and count every event.
#[test]
fn the_stats_count_every_event() {
    run(async || {
        let (a, b, refusing) = (Server::start(), Server::start(), Refusing::new());
        let manager = build(|it| it.max_per_host(1).max_open(2).max_queued(1));

        let opened = manager.allocate(a.request()).await.unwrap();
        let short = a.request().timeout(Duration::from_millis(1));
        let timed_out = error(manager.allocate(short).await);
        assert_eq!(timed_out.kind(), ErrorKind::Timeout);
        let cancelled = manager.allocate(a.request());
        let refused = error(manager.allocate(a.request()).await);
        assert_eq!(refused.kind(), ErrorKind::QueueFull);
        manager.cancel(cancelled.id());
        let deferred = manager.allocate(a.request());
        assert_sums(&manager.stats());
        opened.free();
        deferred.await.unwrap().free();
        manager.allocate(a.request()).await.unwrap().free();
        let mut other = manager.allocate(b.request()).await.unwrap();
        echo(&mut other, "hello").await;
        other.free();
        // Two are idle now. The one idle longest makes room, for nothing.
        let failed = error(manager.allocate(refusing.request()).await);
        assert_eq!(failed.kind(), ErrorKind::Connect);
        a.closed(1).await;
        b.order(Order::Close);
        eventually("closed", || manager.totals().open == 0).await;

        let stats = manager.stats();
        assert_eq!(stats.total, manager.totals());
        assert_sums(&stats);
        let total = stats.total;
        assert_eq!((total.open, total.waiting), (0, 0));
        assert_eq!((total.opened, total.expired), (2, 0));
        let once = [
            total.reused_immediate,
            total.reused_deferred,
            total.evicted,
            total.closed_by_peer,
            total.refused,
            total.failed,
            total.timed_out,
            total.cancelled,
        ];
        assert_eq!(once, [1; 8]);
        let waited = &stats.waiting_time;
        assert_eq!(waited.count(), 4, "each who was given a connection");
        assert!(waited.percentile(50.0) <= waited.percentile(100.0));
    });
}

#[test]
fn the_stats_add_up_while_connections_move() {
    run_on_threads(crate::support::LIMIT, async || {
        let server = Server::start();
        let manager = build(|it| it.max_per_host(2).max_open(4));
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let (manager, request) = (manager.clone(), server.request());
            let request = request.partition(format!("host {}", task % 4));
            tasks.spawn(async move {
                for number in 0..100 {
                    let mut lease = manager.allocate(request.clone()).await.unwrap();
                    echo(&mut lease, "busy").await;
                    if number % 3 == 0 {
                        lease.close();
                    } else {
                        lease.free();
                    }
                }
            });
        }
        while !tasks.is_empty() {
            let stats = manager.stats();
            assert_sums(&stats);
            assert!(stats.total.open <= 4, "figures of different instants");
            while let Some(ended) = tasks.try_join_next() {
                ended.unwrap();
            }
            tokio::task::yield_now().await;
        }
        let stats = manager.stats();
        assert_eq!(
            stats.waiting_time.count(),
            800,
            "each who was given a connection"
        );
        let served = stats.total.reused_immediate + stats.total.reused_deferred;
        // An attempt may open a connection that its request does not need any more (L5).
        assert!(stats.total.opened + served >= 800);
    });
}

/// W3: the manager lists its leases, longest held first, with the source line that requested each.
#[test]
fn leases_name_the_file_and_line_of_their_requests() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        assert!(manager.leases().is_empty());

        let lines = [line!() + 1, line!() + 5];
        let first = manager.allocate(server.request());
        let first = first.await.unwrap();
        let (mailbox, mut responses) = keepalive::mailbox();
        #[rustfmt::skip]
        manager.allocate_to(&mailbox, server.request(), "posted", ()).unwrap();
        let second = responses.recv().await.unwrap().into_connection().unwrap();

        let leases = manager.leases();
        let ids: Vec<_> = leases.iter().map(|lease| lease.id).collect();
        assert_eq!(ids, [first.id(), second.id()]);
        for (lease, line) in leases.iter().zip(lines) {
            assert_eq!(
                (lease.location.file(), lease.location.line()),
                (file!(), line)
            );
            assert_eq!(&lease.host, first.host());
        }
        assert!(leases[0].held >= leases[1].held);
        assert!(leases[0].held > Duration::ZERO);

        first.free();
        assert_eq!(manager.leases().len(), 1);
        drop(second);
        assert!(manager.leases().is_empty());
    });
}
