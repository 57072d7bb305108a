//! M4: a runtime without timers is a clear error, and the manager does not keep it.

use crate::support::{Server, echo, error};
use keepalive::{ErrorKind, Manager};
use tokio::runtime::Builder;

#[test]
fn a_runtime_without_timers_is_named_and_the_next_one_serves() {
    let (server, manager) = (Server::start(), Manager::new());
    let without = Builder::new_current_thread().enable_io().build().unwrap();
    let refused = error(without.block_on(async { manager.allocate(server.request()).await }));
    assert_eq!(refused.kind(), ErrorKind::Runtime);
    assert_eq!(refused.function(), "runtime");
    assert!(refused.to_string().contains("timers"), "{refused}");

    let with = Builder::new_current_thread().enable_all().build().unwrap();
    with.block_on(async {
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "in time").await;
    });
}
