//! M4: when the runtime ends, any number of pending requests end on a small stack.

use crate::support::{Mock, error, host, poll_once, run_on_a_thread};
use keepalive::{ErrorKind, Manager, Pending};
use std::pin::pin;
use std::task::Poll;
use tokio::runtime::Builder;

#[test]
fn two_thousand_waiters_end_on_a_small_stack() {
    let mock = Mock::stuck();
    let manager = Manager::builder().max_open(10_000).max_connecting(1);
    let manager = manager.connector(mock.clone()).build().unwrap();
    let waiters: Vec<Pending<Mock>> = run_on_a_thread(256 << 10, move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let waiters = (0..2_000).map(|n| manager.allocate(host(n))).collect();
            mock.attempts.until(|tally| tally.now == 1).await;
            waiters
        })
    });
    for waiter in waiters {
        let Poll::Ready(answer) = poll_once(pin!(waiter)) else {
            panic!("it still waits");
        };
        assert_eq!(error(answer).kind(), ErrorKind::Runtime);
    }
}
