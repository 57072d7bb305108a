//! The tasks of a manager: one per attempt, and one per connection that takes time to close.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use keepalive_engine::{ConnectionId, Phase, ShardId};

use crate::api::host::Host;
use crate::connect::{Attempt, ConnectError, Connector, Steps};
use crate::driver::Driver;
use crate::driver::contain::contain;
use crate::driver::descriptors::Pauses;
use crate::driver::live::Live;
use crate::driver::removable::Removable;
use crate::driver::shard::{Started, Stop, Task};
use crate::sync::Arc;

/// Starts an attempt in a task. False if there is no runtime for it.
pub(crate) fn connect<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    host: Host,
) -> bool {
    let Some((era, runtime)) = driver.home.runtime() else {
        return false;
    };
    let report = Report {
        driver: Arc::clone(driver),
        era,
        shard,
        id,
        reported: false,
    };
    let (task, what) = Removable::new(begin(report, host));
    let task = runtime.spawn(task);
    let stop = Stop::new(task.abort_handle(), what);
    started(driver, shard, id, Task::Connect, era, &stop);
    true
}

/// The report is dropped last, so that a slot is free when nothing of the attempt is left.
async fn begin<C: Connector>(report: Report<C>, host: Host) {
    let progress = Arc::new(Progress {
        driver: Arc::clone(&report.driver),
        shard: report.shard,
        id: report.id,
    });
    let (result, host) = open(host, progress).await;
    report.finish(result, host);
}

async fn open<C: Connector>(
    host: Host,
    progress: Arc<Progress<C>>,
) -> (Result<C::Connection, ConnectError>, Host) {
    let driver = Arc::clone(&progress.driver);
    let steps: Arc<dyn Steps> = Arc::clone(&progress) as _;
    let attempt = Attempt::new(host, driver.bind_addresses, steps);
    let mut pauses = Pauses::new();
    loop {
        match driver.connector.connect(&attempt).await {
            Err(error) if error.wants_descriptor() => {
                progress.want_descriptor(error);
                // Boxed, because it would make every attempt as large.
                Box::pin(pauses.pause(progress.id)).await;
                driver.free_a_descriptor();
            }
            result => return (result, attempt.into_host()),
        }
    }
}

/// Passes the progress of an attempt to the engine.
struct Progress<C: Connector> {
    driver: Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
}

impl<C: Connector> Progress<C> {
    /// Records that the attempt waits for a descriptor, with the system's error.
    fn want_descriptor(&self, error: ConnectError) {
        let before = self.driver.lock(self.shard).wanted.note(error);
        drop(before);
        self.enter(Phase::Descriptor);
    }
}

impl<C: Connector> Steps for Progress<C> {
    fn enter(&self, phase: Phase) {
        let now = self.driver.common.now();
        self.driver.enter_phase(self.shard, self.id, phase, now);
    }
}

/// Closes a connection without a user. True if it is closed on return; otherwise a task closes it,
/// and reports.
pub(crate) fn close<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    live: Option<Box<Live<C>>>,
) -> bool {
    let Some(mut live) = live else { return true };
    live.stop_watching();
    let mut context = Context::from_waker(Waker::noop());
    let runtime = driver.home.runtime();
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
    let (task, what) = Removable::new(async move {
        poll_fn(|context| closing.poll(context)).await;
    });
    let task = runtime.spawn(task);
    let stop = Stop::new(task.abort_handle(), what);
    started(driver, shard, id, Task::Close, era, &stop);
    false
}

fn started<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    task: Task,
    era: u64,
    stop: &Arc<Stop>,
) {
    let kept = Arc::clone(stop);
    let started = driver.input(shard, |shard, _, _| shard.task_started(id, task, era, kept));
    match started {
        Started::GoesOn => {}
        Started::Unwanted => stop.abort(),
        Started::Past => drop(contain(|| stop.remove())),
    }
}

/// A connection that takes time to close. It is dropped before its end is reported.
struct Closing<C: Connector> {
    live: Option<Box<Live<C>>>,
    _report: Report<C>,
}

impl<C: Connector> Closing<C> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.live {
            Some(live) => live.poll_close(context),
            None => Poll::Ready(()),
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

/// Reports the end of a task to the engine, whatever happens to the task.
struct Report<C: Connector> {
    driver: Arc<Driver<C>>,
    /// The number of the task's runtime.
    era: u64,
    shard: ShardId,
    id: ConnectionId,
    reported: bool,
}

impl<C: Connector> Report<C> {
    fn finish(mut self, result: Result<C::Connection, ConnectError>, host: Host) {
        let (shard, id, era) = (self.shard, self.id, self.era);
        let result = result.map(|io| Live::new(io, &self.driver.signals, shard, id, era, host));
        self.reported = true;
        match result {
            Err(error) => self.driver.attempt_failed(shard, id, era, Some(error)),
            Ok(live) => self.driver.attempt_succeeded(shard, Box::new(live)),
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
            // The driver did not stop this task, so its runtime did.
            self.driver.runtime_lost(self.era);
        }
        let error = panicked.then(self::panicked);
        self.driver.attempt_failed(shard, id, self.era, error);
    }
}

fn panicked() -> ConnectError {
    ConnectError::new("connect", "the connector panicked")
}
