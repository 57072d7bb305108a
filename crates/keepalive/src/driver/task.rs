//! The tasks of a manager: one per attempt, and one per connection that takes time to close.

use std::future::poll_fn;
use std::task::{Context, Waker};

use keepalive_engine::{ConnectionId, Phase, ShardId, planted};

use crate::connect::{Attempt, ConnectError, Connector};
use crate::driver::Driver;
use crate::driver::live::Live;
use crate::driver::shard::Task;
use crate::host::Host;
use crate::runtime::AbortHandle;
use crate::sync::Arc;

/// Starts an attempt. False if there is no runtime to start it on.
pub(crate) fn connect<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    host: Host,
) -> bool {
    let Some((era, runtime)) = driver.runtime() else {
        return false;
    };
    let report = Report {
        driver: Arc::clone(driver),
        era,
        shard,
        id,
        reported: false,
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
        report.finish(result, attempt.into_host());
    });
    started(driver, shard, id, Task::Connect, task.abort_handle());
    true
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
    let runtime = driver.runtime();
    let (Some((era, runtime)), false) = (runtime, live.poll_close(&mut context).is_ready()) else {
        live.discard();
        return true;
    };
    let mut closing = Closing {
        live: Some(live),
        _report: Report {
            driver: Arc::clone(driver),
            era,
            shard,
            id,
            reported: false,
        },
    };
    let task = runtime.spawn(async move {
        poll_fn(|context| closing.poll(context)).await;
    });
    started(driver, shard, id, Task::Close, task.abort_handle());
    planted!(CloseNotAwaited)
}

fn started<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    task: Task,
    handle: AbortHandle,
) {
    let stop = driver.lock(shard).task_started(id, task, handle);
    if let Some(stop) = stop {
        stop.abort();
    }
}

/// A connection that takes time to close. It is dropped before its end is reported.
struct Closing<C: Connector> {
    live: Option<Box<Live<C>>>,
    _report: Report<C>,
}

impl<C: Connector> Closing<C> {
    fn poll(&mut self, context: &mut Context<'_>) -> std::task::Poll<()> {
        match &mut self.live {
            Some(live) => live.poll_close(context),
            None => std::task::Poll::Ready(()),
        }
    }
}

impl<C: Connector> Drop for Closing<C> {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            live.discard();
        }
    }
}

/// Tells the engine how a task ended, whatever happened to the task.
struct Report<C: Connector> {
    driver: Arc<Driver<C>>,
    /// Of the runtime that the task is on.
    era: u64,
    shard: ShardId,
    id: ConnectionId,
    reported: bool,
}

impl<C: Connector> Report<C> {
    fn finish(mut self, result: Result<C::Connection, ConnectError>, host: Host) {
        let (shard, id) = (self.shard, self.id);
        let result = result.map(|io| Live::new(io, &self.driver.signals, shard, id, host));
        self.reported = true;
        match result {
            Err(error) => self.driver.attempt_failed(shard, id, Some(error)),
            Ok(live) => self.driver.attempt_succeeded(shard, Box::new(live)),
        }
    }
}

impl<C: Connector> Drop for Report<C> {
    fn drop(&mut self) {
        if self.reported || planted!(StoppedTaskUnreported) {
            return;
        }
        let (shard, id) = (self.shard, self.id);
        let panicked = std::thread::panicking();
        if !panicked && self.driver.lock(shard).engine.is_connecting(id) {
            // Nobody stopped this task, so it was its runtime.
            self.driver.runtime_lost(self.era);
        }
        let error = panicked.then(|| ConnectError::new("connect", "the connector panicked"));
        self.driver.attempt_failed(shard, id, error);
    }
}
