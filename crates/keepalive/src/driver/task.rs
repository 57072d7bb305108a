//! The tasks of a manager: one per attempt, and one per connection that takes time to close.

use std::future::poll_fn;
use std::task::{Context, Waker};

use keepalive_engine::{ConnectionId, Phase, ShardId};
use tokio::task::AbortHandle;

use crate::connect::{Attempt, ConnectError, Connection, Connector};
use crate::driver::Driver;
use crate::driver::live::Live;
use crate::host::Host;
use crate::sync::Arc;

/// Starts an attempt.
pub(crate) fn connect<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    host: Host,
) {
    let report = Report {
        driver: Arc::clone(driver),
        shard,
        id,
        reported: false,
    };
    let Some(runtime) = driver.runtime() else {
        return; // the report says so
    };
    let task = runtime.spawn(async move {
        // Declared first, dropped last: a slot is free when nothing of the attempt is left.
        let report = report;
        let driver = Arc::clone(&report.driver);
        let enter = {
            let driver = Arc::clone(&driver);
            move |phase: Phase| driver.enter_phase(shard, id, phase)
        };
        let attempt = Attempt::new(host, driver.bind_address, enter);
        let result = driver.connector.connect(&attempt).await;
        report.finish(result);
    });
    started(driver, shard, id, task.abort_handle());
}

/// Closes a connection that nobody holds. True if it is closed already; otherwise a task does
/// it, and reports.
pub(crate) fn close<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    live: Option<Box<Live<C>>>,
) -> bool {
    let Some(mut live) = live else { return true };
    live.stop_watching();
    let mut context = Context::from_waker(Waker::noop());
    if live.io.poll_close(&mut context).is_ready() {
        return true;
    }
    let report = Report {
        driver: Arc::clone(driver),
        shard,
        id,
        reported: false,
    };
    let Some(runtime) = driver.runtime() else {
        drop(live);
        return false; // the report says so
    };
    let task = runtime.spawn(async move {
        let _report = report;
        let mut live = live;
        poll_fn(|context| live.io.poll_close(context)).await;
    });
    started(driver, shard, id, task.abort_handle());
    false
}

fn started<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    handle: AbortHandle,
) {
    let stop = driver.lock(shard).task_started(id, handle);
    if let Some(stop) = stop {
        stop.abort();
    }
}

/// Tells the engine how a task ended, whatever happened to the task.
struct Report<C: Connector> {
    driver: Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    reported: bool,
}

impl<C: Connector> Report<C> {
    fn finish(mut self, result: Result<C::Connection, ConnectError>) {
        self.reported = true;
        let (shard, id) = (self.shard, self.id);
        match result {
            Err(error) => self.driver.attempt_failed(shard, id, Some(error)),
            Ok(io) => {
                let live = Live::new(io, &self.driver.signals, shard, id);
                self.driver.attempt_succeeded(shard, Box::new(live));
            }
        }
    }
}

impl<C: Connector> Drop for Report<C> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        let (shard, id) = (self.shard, self.id);
        let panicked = std::thread::panicking();
        if !panicked && self.driver.lock(shard).engine.is_connecting(id) {
            // Nobody stopped this task, so it was its runtime.
            self.driver.runtime_lost();
        }
        let error = panicked.then(|| ConnectError::new("connect", "the connector panicked"));
        self.driver.attempt_failed(shard, id, error);
    }
}
