//! C4: a connection that its peer has closed is not handed out, even before its watcher notices.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Server, echo, run};
use keepalive::Manager;

#[test]
fn two_hundred_times_a_connection_closed_after_its_reply_is_replaced() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        for round in 1..=200 {
            let mut lease = manager.allocate(server.request()).await.unwrap();
            assert_eq!(lease.from_cache(), None, "round {round}");
            echo(&mut lease, "hello").await;
            echo(&mut lease, "bye").await;
            lease.free();
            // This blocks the thread: on a runtime of one thread only the check at the hand-out can
            // find the end of the stream.
            let start = Instant::now();
            while server.connections.read().gone < round {
                assert!(start.elapsed() < Duration::from_secs(5), "never closed");
                sleep(Duration::from_millis(1));
            }
            sleep(Duration::from_millis(2));
        }
    });
}
