//! C2: a task that panics while it holds a lease gives the slot back.

use crate::support::{Server, echo, run};
use keepalive::Manager;

#[test]
fn a_panic_while_holding_a_lease_closes_it_and_returns_the_slot() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_open(1).build().unwrap();
        let pending = manager.allocate(server.request());
        let task = tokio::spawn(async move {
            let _lease = pending.await.unwrap();
            panic!("on purpose, with a lease in hand");
        });
        assert!(task.await.unwrap_err().is_panic());
        server.closed(1).await;

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "the slot is back").await;
        assert_eq!(manager.totals().leased, 1);
    });
}
