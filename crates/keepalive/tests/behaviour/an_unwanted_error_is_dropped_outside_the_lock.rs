//! E3: what a connector puts into an error may use the manager, also when nobody takes the error.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use crate::support::{Gauge, Mock, host, run_or_hang};
use keepalive::{ConnectError, Manager};

type Slot = Arc<Mutex<Option<Manager<Mock>>>>;

/// Asks the manager for its figures when it is dropped.
#[derive(Debug)]
struct Nosy(Manager<Mock>, Gauge);

impl fmt::Display for Nosy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nosy")
    }
}

impl std::error::Error for Nosy {}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.0.totals();
        drop(self.1.enter());
    }
}

#[test]
fn an_error_nobody_waited_for_may_call_the_manager() {
    run_or_hang(async || {
        let (slot, dropped) = (Slot::default(), Gauge::default());
        let mock = Mock::new().connect({
            let (slot, dropped) = (Arc::clone(&slot), dropped.clone());
            move || {
                let manager = slot.lock().unwrap().take().expect("one attempt");
                let nosy = Nosy(manager, dropped.clone());
                Poll::Ready(Err(ConnectError::new("connect", nosy)))
            }
        });
        let manager = Manager::builder().connector(mock).finish_attempts(true);
        let manager = manager.build().unwrap();
        *slot.lock().unwrap() = Some(manager.clone());
        drop(manager.allocate(host(0)));
        dropped.until(|tally| tally.gone == 1).await;
        assert_eq!(manager.totals().open, 0);
    });
}
