//! L1, L2, L4, R6: many requests over many hosts through few connections; nothing is lost.

#![cfg(target_os = "linux")]

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::support::{Probe, Server, echo, eventually, run_on_threads};
use keepalive::Manager;
use tokio::task::JoinSet;

const REQUESTS: u64 = 10_000;
const MAX_OPEN: usize = 128;

#[test]
fn ten_thousand_requests_to_a_thousand_hosts_are_all_served_over_128_connections() {
    run_on_threads(Duration::from_secs(60), async || {
        // Each address of the loopback network is a host of its own.
        let server = Server::on((Ipv4Addr::UNSPECIFIED, 0).into());
        let probe = Probe::open();
        let manager = Manager::builder()
            .connector(probe.clone())
            .max_open(MAX_OPEN)
            .build()
            .unwrap();

        let mut tasks = JoinSet::new();
        for number in 0..REQUESTS {
            let host = number % 1000;
            let address = Ipv4Addr::new(127, 0, (host / 250) as u8, (host % 250) as u8 + 1);
            let pending = manager.allocate(server.request_at(address));
            tasks.spawn(async move {
                let mut lease = pending.await.unwrap();
                echo(&mut lease.stream, &format!("request {number}")).await;
                lease.free();
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }

        assert_eq!(probe.open.read().highest, MAX_OPEN);
        let totals = manager.totals();
        // A request may be served by a connection that comes back, before its own attempt ends (L5). What
        // the attempt opens then may be evicted without a use.
        let served = totals.opened + totals.reused_immediate + totals.reused_deferred;
        let unused = served.saturating_sub(REQUESTS);
        assert!(served >= REQUESTS && unused <= totals.evicted, "{totals:?}");
        assert_eq!((totals.waiting, totals.leased), (0, 0));
        assert_eq!(manager.shutdown().await, 0);
        assert_eq!(probe.open.read().now, 0);
        eventually("closed", || server.connections.read().now == 0).await;
    });
}
