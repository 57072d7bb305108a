//! L5, hyper #3199: an attempt survives the request that started it, and serves other waiters.

use crate::support::{Probe, Server, echo, run};
use keepalive::Manager;

#[test]
fn it_serves_the_next_waiter_of_its_host() {
    run(async || {
        let (server, probe) = (Server::start(), Probe::closed());
        let manager = Manager::builder().connector(probe.clone()).max_per_host(1);
        let manager = manager.build().unwrap();
        let starter = manager.allocate(server.request());
        let others: Vec<_> = (0..3).map(|_| manager.allocate(server.request())).collect();
        probe.attempts.until(|attempts| attempts.now == 1).await;

        drop(starter);
        assert_eq!(probe.attempts.read().now, 1, "it goes on");
        probe.pass(1);
        for pending in others {
            let mut lease = pending.await.unwrap();
            echo(&mut lease.stream, "served").await;
            lease.free();
        }
        assert_eq!(probe.attempts.read().total, 1);
    });
}
