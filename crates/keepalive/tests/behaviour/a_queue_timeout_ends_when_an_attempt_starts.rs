//! T1: `queue_timeout` covers the time until an attempt starts, and no more.

use std::io::ErrorKind::TimedOut;
use std::time::Duration;

use crate::support::{Probe, Server, assert_system_error, echo, error, run};
use keepalive::Manager;

const LIMIT: Duration = Duration::from_millis(20);

#[test]
fn a_request_in_the_queue_is_ended_and_one_that_connects_is_not() {
    run(async || {
        let server = Server::start();
        let probe = Probe::closed();
        let manager = Manager::builder()
            .connector(probe.clone())
            .max_per_host(1)
            .build()
            .unwrap();
        let request = || server.request().queue_timeout(LIMIT);
        let connecting = manager.allocate(request());
        let queued = manager.allocate(request());

        let late = error(queued.await);
        assert_system_error(&late, "queue", TimedOut);
        assert!(late.timing().queued >= LIMIT, "{:?}", late.timing());
        probe.pass(1);
        let mut lease = connecting.await.unwrap();
        echo(&mut lease.stream, "in time").await;
        assert!(lease.timing().total() >= LIMIT, "{:?}", lease.timing());
    });
}
