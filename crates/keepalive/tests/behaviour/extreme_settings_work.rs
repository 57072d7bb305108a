//! M2: the largest and the smallest allowed value of every setting work.

use std::time::Duration;

use crate::support::{Server, echo, run};
use keepalive::{FromCache, Manager};

async fn assert_works(manager: &Manager) {
    let server = Server::start();
    for from_cache in [None, Some(FromCache::Immediate)] {
        let request = server.request();
        let request = request.timeout(Duration::MAX).queue_timeout(Duration::MAX);
        let mut lease = manager.allocate(request).await.expect("a connection");
        assert_eq!(lease.from_cache(), from_cache);
        echo(&mut lease, "works").await;
        lease.free();
    }
    assert_eq!(manager.shutdown().within(Duration::MAX).await, 0);
}

#[test]
fn the_largest_settings_work() {
    run(async || {
        let manager = Manager::builder()
            .max_per_host(usize::MAX)
            .max_open(usize::MAX)
            .max_queued(usize::MAX)
            .max_connecting(usize::MAX)
            .max_uses(u64::MAX)
            .max_reuse_streak(u32::MAX)
            .keep_alive(Duration::MAX)
            .timeout(Duration::MAX)
            .max_lifetime(Duration::MAX)
            .lifetime_jitter(1.0)
            .close_timeout(Duration::MAX)
            .build()
            .unwrap();
        assert_works(&manager).await;
    });
}

#[test]
fn the_smallest_limits_work() {
    run(async || {
        let manager = Manager::builder()
            .max_per_host(1)
            .max_open(1)
            .max_queued(1)
            .max_connecting(1)
            .max_uses(2)
            .max_reuse_streak(0)
            .lifetime_jitter(0.0)
            .close_timeout(Duration::from_nanos(1))
            .build()
            .unwrap();
        assert_works(&manager).await;
    });
}
