//! M3, R5: each manager has its own limits and connections, and all ids in the process differ.

use std::collections::HashSet;

use crate::support::{Server, error, run};
use keepalive::{ErrorKind, FromCache, Manager};

#[test]
fn limits_and_connections_belong_to_one_manager_and_its_clones() {
    run(async || {
        let server = Server::start();
        let one = || Manager::builder().max_per_host(1).max_open(1).build();
        let managers = [one().unwrap(), one().unwrap()];

        // Both are at their limits at the same time.
        let mut leases = Vec::new();
        for manager in &managers {
            leases.push(manager.allocate(server.request()).await.unwrap());
        }
        server.connections.until(|tally| tally.now == 2).await;
        for (manager, lease) in managers.iter().zip(leases) {
            let waiting = manager.clone().allocate(server.request());
            assert_eq!(manager.totals().waiting, 1);
            lease.free();
            let lease = waiting.await.unwrap();
            assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
            lease.free();
            let totals = manager.totals();
            assert_eq!((totals.opened, totals.idle), (1, 1));
        }

        let [ended, other] = managers;
        assert_eq!(ended.clone().shutdown().await, 0);
        let refused = error(ended.allocate(server.request()).await);
        assert_eq!(refused.kind(), ErrorKind::ShutDown);
        let lease = other.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
    });
}

#[test]
fn ids_differ_across_managers_threads_and_refusals() {
    let managers = [Manager::new(), Manager::new()];
    // Outside of a runtime each request is refused, and still has an id.
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let manager = managers[thread % 2].clone();
                let request = keepalive::Request::new("test", "127.0.0.1", 9).unwrap();
                scope.spawn(move || {
                    let ask = |_| manager.allocate(&request).id();
                    (0..5_000).map(ask).collect::<Vec<_>>()
                })
            })
            .collect();
        let ids = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        ids.collect()
    });
    let refused: HashSet<_> = ids.into_iter().collect();
    assert_eq!(refused.len(), 20_000);

    run(async || {
        let server = Server::start();
        let mut ids = HashSet::new();
        for manager in [Manager::new(), Manager::new()] {
            for _ in 0..100 {
                let pending = manager.allocate(server.request());
                assert!(ids.insert(pending.id()), "{ids:?}");
                pending.await.unwrap().free();
            }
        }
        assert!(ids.iter().all(|id| !refused.contains(id)));
    });
}
