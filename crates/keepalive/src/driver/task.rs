//! The tasks of a manager: one per attempt, and one per connection that takes time to close.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use keepalive_engine::{ConnectionId, Phase, ShardId, Time};
use smallvec::SmallVec;

use crate::connect::{Attempt, ConnectError, Connector, Steps};
use crate::contain::contain;
use crate::driver::Driver;
use crate::driver::descriptors::Pauses;
use crate::driver::live::Live;
use crate::driver::removable::Removable;
use crate::driver::shard::{Started, Stop, Task};
use crate::host::Host;
use crate::runtime::consume_budget;
use crate::sync::{Arc, Mutex, thread_local};

/// What comes of beginning an attempt.
pub(crate) enum Begun<C: Connector> {
    /// A task goes on with it.
    Runs,
    /// It is over already, after these phases.
    Open(Box<Live<C>>, Phases),
    /// On the runtime of this number.
    Failed(ConnectError, u64, Phases),
    /// There is no runtime to begin it on.
    NoRuntime,
}

/// Phases that an attempt has come to, and when.
pub(crate) type Phases = SmallVec<[(Phase, Time); 2]>;

/// Begins an attempt: if it may be `here`, and is likely to be over at once, then on this thread,
/// and otherwise in a task.
pub(crate) fn connect<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    host: Host,
    here: bool,
) -> Begun<C> {
    let Some((era, runtime)) = driver.home.runtime() else {
        return Begun::NoRuntime;
    };
    let report = |driver| Report {
        driver,
        era,
        shard,
        id,
        reported: false,
    };
    let alone = if here { Alone::enter() } else { None };
    let (task, what) =
        if alone.is_some() && contain(|| driver.connector.is_prompt(&host)) == Some(true) {
            let progress = Progress::new(driver, shard, id, Some(Phases::new()));
            let opening = open(host, Arc::clone(&progress));
            let mut opening = Box::pin(async {
                // Or a task that opens one after the other would never make way for others.
                consume_budget().await;
                opening.await
            });
            // Another waker follows with the task.
            let mut context = Context::from_waker(Waker::noop());
            let polled = contain(|| {
                let _within = runtime.enter();
                opening.as_mut().poll(&mut context)
            });
            match polled {
                Some(Poll::Ready((Ok(io), host))) => {
                    let live = Live::new(io, &driver.signals, shard, id, era, host);
                    return Begun::Open(Box::new(live), progress.tell());
                }
                Some(Poll::Ready((Err(error), _))) => {
                    return Begun::Failed(error, era, progress.tell());
                }
                None => return Begun::Failed(panicked(), era, progress.tell()),
                Some(Poll::Pending) => {
                    let opening = Opening {
                        future: opening,
                        progress,
                        report: report(Arc::clone(driver)),
                    };
                    Removable::new(opening.go_on())
                }
            }
        } else {
            Removable::new(begin(report(Arc::clone(driver)), host))
        };
    let task = runtime.spawn(task);
    let stop = Stop::new(task.abort_handle(), what);
    started(driver, shard, id, Task::Connect, era, &stop);
    Begun::Runs
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom takes none")]
    static BEGINS: Cell<bool> = Cell::new(false);
}

/// An attempt begins on this thread. As long as it does, no other may: a connector that asks its
/// manager for a connection would be called within itself, as deep as there are hosts.
struct Alone;

impl Alone {
    fn enter() -> Option<Self> {
        let first = BEGINS.try_with(|begins| !begins.replace(true));
        first.unwrap_or(false).then_some(Self)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // It was there when this was made.
        let _ = BEGINS.try_with(|begins| begins.set(false));
    }
}

/// The report is dropped last: a slot is free when nothing of the attempt is left.
async fn begin<C: Connector>(report: Report<C>, host: Host) {
    let progress = Progress::new(&report.driver, report.shard, report.id, None);
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
                // Boxed, or every attempt would be as large.
                Box::pin(pauses.pause(progress.id)).await;
                driver.free_a_descriptor();
            }
            result => return (result, attempt.into_host()),
        }
    }
}

/// An attempt that was begun on another thread. It is dropped before its end is reported.
struct Opening<C: Connector, F> {
    future: Pin<Box<F>>,
    progress: Arc<Progress<C>>,
    report: Report<C>,
}

impl<C: Connector, F> Opening<C, F>
where
    F: Future<Output = (Result<C::Connection, ConnectError>, Host)>,
{
    async fn go_on(self) {
        let report = self.report;
        let future = self.future;
        let (shard, id) = (report.shard, report.id);
        for (phase, at) in self.progress.tell() {
            report.driver.enter_phase(shard, id, phase, at);
        }
        let (result, host) = future.await;
        report.finish(result, host);
    }
}

/// Takes what an attempt says of its progress to the engine.
struct Progress<C: Connector> {
    driver: Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    /// What is not told yet, as long as it must not be: the effects of an input wait for others.
    untold: Mutex<Option<Phases>>,
}

impl<C: Connector> Progress<C> {
    fn new(
        driver: &Arc<Driver<C>>,
        shard: ShardId,
        id: ConnectionId,
        untold: Option<Phases>,
    ) -> Arc<Self> {
        Arc::new(Self {
            driver: Arc::clone(driver),
            shard,
            id,
            untold: Mutex::new(untold),
        })
    }

    /// What was not told, which is for the caller to do. From now on all is told at once.
    fn tell(&self) -> Phases {
        self.untold.lock().take().unwrap_or_default()
    }
}

impl<C: Connector> Progress<C> {
    /// The attempt waits for a descriptor, as the system has said.
    fn want_descriptor(&self, error: ConnectError) {
        let before = self.driver.lock(self.shard).wanted.note(error);
        drop(before);
        self.enter(Phase::Descriptor);
    }
}

impl<C: Connector> Steps for Progress<C> {
    fn enter(&self, phase: Phase) {
        let now = self.driver.common.now();
        if let Some(untold) = &mut *self.untold.lock() {
            return untold.push((phase, now));
        }
        self.driver.enter_phase(self.shard, self.id, phase, now);
    }
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
            // Nobody stopped this task, so it was its runtime.
            self.driver.runtime_lost(self.era);
        }
        let error = panicked.then(self::panicked);
        self.driver.attempt_failed(shard, id, self.era, error);
    }
}

fn panicked() -> ConnectError {
    ConnectError::new("connect", "the connector panicked")
}
