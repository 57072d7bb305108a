//! C2: a connection is never reused after `close`, and its slot returns exactly once.

use std::time::Duration;

use crate::support::{Probe, Server, echo, run};
use keepalive::{FromCache, Manager, Reason};

#[test]
fn close_and_free_in_turn_never_exceed_one_and_never_reuse_what_was_closed() {
    run(async || {
        let server = Server::start();
        let probe = Probe::open();
        let manager = Manager::builder()
            .connector(probe.clone())
            .max_per_host(1)
            .max_open(1)
            .keep_alive(Duration::from_secs(1))
            .build()
            .unwrap();

        for round in 0..100 {
            let closed = manager.allocate(server.request()).await.unwrap();
            let kept = (round > 0).then_some(FromCache::Immediate);
            assert_eq!(closed.from_cache(), kept, "round {round}");
            let next = manager.allocate(server.request());
            closed.close();
            let mut next = next.await.unwrap();
            assert_eq!(next.from_cache(), None, "round {round}");

            let extra = manager.allocate(server.request());
            let reason = extra.waiting().expect("one is out").reason();
            assert_eq!(reason, Reason::HostLimit { in_use: 1, max: 1 });
            drop(extra);
            echo(&mut next.stream, &format!("round {round}")).await;
            assert_eq!(manager.totals().open, 1);
            next.free();
        }
        let open = probe.open.read();
        assert_eq!((open.highest, open.total, open.now), (1, 101, 1));
        server.closed(100).await;
    });
}
