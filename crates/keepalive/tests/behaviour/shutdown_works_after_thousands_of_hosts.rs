//! C7: shutdown answers each waiting request, even if hosts are forgotten before it or by it.

use crate::support::{LIMIT, Mock, error, host, run_on_threads};
use keepalive::{ErrorKind, Manager};

#[test]
fn who_waits_for_room_is_told_after_thousands_of_hosts_were_used() {
    run_on_threads(LIMIT, async || {
        let manager = Manager::builder().connector(Mock::stuck()).max_open(1);
        let manager = manager.build().unwrap();
        let connecting = manager.allocate(host(0));
        let waiting = manager.allocate(host(1));
        // More hosts than are remembered, so that the end of the two above makes others forgotten.
        for other in 2..5_000 {
            drop(manager.allocate(host(other)));
        }

        let shutdown = manager.shutdown();
        for told in [connecting, waiting] {
            assert_eq!(error(told.await).kind(), ErrorKind::ShutDown);
        }
        assert_eq!(shutdown.await, 0);
    });
}
