//! C7: a slot that a shutdown frees does not start another attempt.

use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use crate::support::{LIMIT, Mock, host, run_on_threads};
use keepalive::Manager;
use tokio::runtime::Handle;

/// Lets spawned tasks run before the waking goes on.
struct Patient(Handle);

impl Wake for Patient {
    fn wake(self: Arc<Self>) {
        let (sender, receiver) = mpsc::channel();
        self.0.spawn(async move { sender.send(()) });
        let _ = receiver.recv_timeout(Duration::from_secs(1));
    }
}

#[test]
fn no_attempt_begins_while_two_hundred_are_told() {
    run_on_threads(LIMIT, async || {
        let mock = Mock::stuck();
        let manager = Manager::builder().connector(mock.clone()).max_connecting(1);
        let manager = manager.build().unwrap();
        let waker = Waker::from(Arc::new(Patient(Handle::current())));
        let mut waiting: Vec<_> = (0..200).map(|n| manager.allocate(host(n))).collect();
        for waiter in &mut waiting {
            let polled = Pin::new(waiter).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        mock.attempts.until(|tally| tally.now == 1).await;

        assert_eq!(manager.shutdown().await, 0);
        let tally = mock.attempts.read();
        assert_eq!((tally.now, tally.total), (0, 1));
    });
}
