//! L7: a request beyond `max_queued` fails at once.

use crate::support::{Server, error, run};
use keepalive::{ErrorKind, FromCache, Manager};

#[test]
fn a_request_beyond_the_queue_is_refused_and_the_queue_is_served() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder()
            .max_per_host(1)
            .max_queued(1)
            .build()
            .unwrap();
        let held = manager.allocate(server.request()).await.unwrap();
        let queued = manager.allocate(server.request());

        let refused = error(manager.allocate(server.request()).await);
        assert_eq!(refused.kind(), ErrorKind::QueueFull);
        let totals = manager.totals();
        assert_eq!((totals.refused, totals.waiting), (1, 1));

        held.free();
        let queued = queued.await.unwrap();
        assert_eq!(queued.from_cache(), Some(FromCache::Deferred));
        let room = manager.allocate(server.request());
        assert!(room.waiting().is_some(), "there is room again");
        queued.free();
        room.await.unwrap().free();
    });
}
