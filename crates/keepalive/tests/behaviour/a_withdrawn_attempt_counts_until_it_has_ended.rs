//! L7: a withdrawn attempt counts against `max_connecting` until it has ended.

use crate::support::{Mock, host, run_on_one_thread};
use keepalive::{Manager, Pending, Reason};

fn reason(pending: &Pending<Mock>) -> Reason {
    pending.waiting().expect("it waits").reason()
}

#[test]
fn the_next_attempt_begins_when_its_task_has_ended() {
    run_on_one_thread(async || {
        let mock = Mock::stuck();
        let manager = Manager::builder().connector(mock.clone()).max_connecting(1);
        let manager = manager.build().unwrap();
        let withdrawn = manager.allocate(host(0));
        mock.attempts.until(|tally| tally.now == 1).await;
        let next = manager.allocate(host(1));
        drop(withdrawn);

        // Its task has not been stopped yet.
        assert_eq!(mock.attempts.read().now, 1);
        let limit = Reason::ConnectLimit {
            connecting: 1,
            max: 1,
        };
        assert_eq!(reason(&next), limit);
        let totals = manager.totals();
        assert_eq!((totals.connecting, totals.closing), (0, 1));

        mock.attempts.until(|tally| tally.total == 2).await;
        assert_eq!(mock.attempts.read().highest, 1);
        assert_eq!(reason(&next), Reason::Resolving);
    });
}
