//! E3: a value in a connector's error may use the manager, also when no request takes the error.

#![allow(clippy::unwrap_used)]

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::support::{Gauge, host, run_or_hang};
use keepalive::{Attempt, ConnectError, Connector, Manager, NetStream, Phase};
use tokio::sync::Notify;

/// Fails when it is notified, with an error that contains the manager.
#[derive(Clone, Default)]
struct Fails {
    manager: Arc<Mutex<Option<Manager<Fails>>>>,
    begun: Arc<Notify>,
    goes_on: Arc<Notify>,
    dropped: Gauge,
}

impl Connector for Fails {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        attempt.enter(Phase::Connect);
        self.begun.notify_one();
        self.goes_on.notified().await;
        let manager = self.manager.lock().unwrap().take().expect("one attempt");
        let nosy = Nosy(manager, self.dropped.clone());
        Err(ConnectError::new("connect", nosy))
    }
}

/// Reads the manager's figures when it is dropped.
struct Nosy(Manager<Fails>, Gauge);

impl fmt::Debug for Nosy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nosy")
    }
}

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
        let connector = Fails::default();
        let manager = Manager::builder().connector(connector.clone());
        let manager = manager.build().unwrap();
        *connector.manager.lock().unwrap() = Some(manager.clone());
        let pending = manager.allocate(host(0));
        connector.begun.notified().await;
        drop(pending);
        connector.goes_on.notify_one();
        connector.dropped.until(|tally| tally.gone == 1).await;
        assert_eq!(manager.totals().open, 0);
    });
}
