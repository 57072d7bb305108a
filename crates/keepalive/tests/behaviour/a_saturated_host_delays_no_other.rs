//! L3: thousands of requests that wait for one host do not delay a request to another.

use std::time::Duration;

use crate::support::{Server, echo, poll_once, run_on_threads};
use keepalive::{FromCache, Manager};

const WAITERS: usize = 5_000;

#[test]
fn another_host_is_served_while_five_thousand_wait() {
    run_on_threads(Duration::from_secs(60), async || {
        let (saturated, other) = (Server::start(), Server::start());
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let held = manager.allocate(saturated.request()).await.unwrap();
        let mut waiters: Vec<_> = (0..WAITERS)
            .map(|_| Box::pin(manager.allocate(saturated.request())))
            .collect();

        let mut lease = manager.allocate(other.request()).await.unwrap();
        echo(&mut lease, "not delayed").await;
        assert_eq!(manager.totals().waiting, WAITERS);
        for waiter in &mut waiters {
            assert!(poll_once(waiter.as_mut()).is_pending());
        }

        held.free();
        let first = waiters.remove(0).await.unwrap();
        assert_eq!(first.from_cache(), Some(FromCache::Deferred));
        assert_eq!(manager.totals().waiting, WAITERS - 1);
        drop(waiters);
        assert_eq!(manager.totals().waiting, 0);
    });
}
