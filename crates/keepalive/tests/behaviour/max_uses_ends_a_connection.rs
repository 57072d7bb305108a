//! C6: a connection is closed after `max_uses` leases.

use crate::support::{Server, echo, run};
use keepalive::{FromCache, Manager};

#[test]
fn the_third_request_is_fresh_where_two_uses_are_allowed() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_uses(2).build().unwrap();
        for round in 1..=3 {
            for from_cache in [None, Some(FromCache::Immediate)] {
                let mut lease = manager.allocate(server.request()).await.unwrap();
                assert_eq!(lease.from_cache(), from_cache, "round {round}");
                echo(&mut lease, "used").await;
                lease.free();
            }
            server.closed(round).await;
        }
    });
}
