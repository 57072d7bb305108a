//! C8: a connection that opens after its request has timed out does not hold its slot for long.

use std::task::Poll;
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Mock, error, eventually, host, run};
use keepalive::{ErrorKind, Manager};

#[test]
fn a_connection_that_came_too_late_and_never_closes_is_dropped() {
    run(async || {
        // The attempt is not withdrawn at its deadline, because it does not let go of its thread.
        let mock = Mock::new().close(|| Poll::Pending).connect(|| {
            sleep(Duration::from_millis(40));
            Poll::Ready(Ok(()))
        });
        let manager = Manager::builder().connector(mock.clone());
        let manager = manager
            .timeout(Duration::from_millis(10))
            .close_timeout(Duration::from_millis(20))
            .build()
            .unwrap();
        // On a loaded machine an attempt may be withdrawn before it has begun; that proves nothing.
        while mock.attempts.read().total == 0 {
            let error = error(manager.allocate(host(0)).await);
            assert_eq!(error.kind(), ErrorKind::Timeout);
        }
        mock.open.until(|tally| tally.gone == 1).await;
        eventually("the slot is back", || manager.totals().open == 0).await;
    });
}
