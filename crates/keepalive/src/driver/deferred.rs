//! Work to do after a shard's lock is released, and the tasks that it starts: one for each attempt,
//! and one for each connection that takes time to close.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use keepalive_engine::{ConnectionId, Message, Phase, ShardId};
use smallvec::SmallVec;

use crate::api::host::Host;
use crate::connect::{Attempt, ConnectError, Connector, Steps};
use crate::driver::Driver;
use crate::driver::answer::Letter;
use crate::driver::descriptors::Pauses;
use crate::driver::live::Live;
use crate::driver::task::{Started, Task};
use crate::runtime::{AbortHandle, Handle};
use crate::sync::Arc;

/// One piece of work to do without any lock.
pub(crate) enum Work<C: Connector> {
    Wake(Waker),
    Post(Box<dyn Letter>),
    Connect(ShardId, ConnectionId, Host),
    Close(ShardId, ConnectionId, Option<Box<Live<C>>>),
    Stop(Arc<Stop>),
    Remove(Arc<Stop>),
    Send(ShardId, Message),
    /// An error that no request took; it may contain user code.
    Discard(ConnectError),
    Ring,
}

/// The work that follows from one input: mostly none, sometimes one or two pieces.
pub(crate) type Deferred<C> = SmallVec<[Work<C>; 2]>;

/// Does this work, and all that follows from it.
///
/// This is a loop without recursion. If a waker or a context panics, the remaining work and the
/// caller still continue.
#[inline(never)]
pub(crate) fn run<C: Connector>(driver: &Arc<Driver<C>>, deferred: &mut Deferred<C>) {
    while !deferred.is_empty() {
        for work in mem::take(deferred) {
            work.run(driver, deferred);
        }
    }
}

impl<C: Connector> Work<C> {
    /// Does it, and adds the work that follows from it to `following`.
    fn run(self, driver: &Arc<Driver<C>>, following: &mut Deferred<C>) {
        match self {
            Self::Wake(waker) => {
                catch_panic(|| waker.wake());
            }
            Self::Post(letter) => {
                if let Some(id) = catch_panic(|| letter.post()).flatten() {
                    let leftover = driver.enter(id.shard(), following, |shard, now, room| {
                        shard.forget(id, now, room)
                    });
                    catch_panic(|| drop(leftover));
                }
            }
            Self::Stop(stop) => stop.abort(),
            // The dropped future may contain user code.
            Self::Remove(stop) => drop(catch_panic(|| stop.remove())),
            Self::Discard(error) => {
                catch_panic(|| drop(error));
            }
            Self::Ring => driver.wakeups.ring(),
            Self::Connect(shard, id, host) => {
                if !connect(driver, shard, id, host) {
                    driver.enter(shard, following, |shard, now, room| {
                        shard.task_ended(id);
                        shard.engine.failed(now, room, id);
                    });
                }
            }
            Self::Close(shard, id, live) => {
                if close(driver, shard, id, live) {
                    driver.enter(shard, following, |shard, now, room| {
                        shard.task_ended(id);
                        shard.engine.closed(now, room, id);
                    });
                }
            }
            Self::Send(to, message) => {
                driver.enter(to, following, |shard, now, room| {
                    shard.engine.receive(now, room, message);
                });
            }
        }
    }
}

/// Starts an attempt in a task. False if there is no runtime for it.
fn connect<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    host: Host,
) -> bool {
    let Some((generation, runtime)) = driver.home.runtime() else {
        return false;
    };
    let attempt = begin(Report::new(driver, generation, shard, id), host);
    spawn(
        driver,
        (generation, runtime),
        shard,
        id,
        Task::Connect,
        attempt,
    );
    true
}

/// Starts the task of a connection, and lets its shard stop it.
fn spawn<C: Connector>(
    driver: &Arc<Driver<C>>,
    (generation, runtime): (u64, Handle),
    shard: ShardId,
    id: ConnectionId,
    task: Task,
    what: impl Future<Output = ()> + Send + 'static,
) {
    let (whole, removable) = Removable::new(what);
    let handle = runtime.spawn(whole).abort_handle();
    let stop = Arc::new(Stop {
        task: handle,
        what: removable,
    });
    let kept = Arc::clone(&stop);
    match driver.with_shard(shard, |shard, _, _| {
        shard.task_started(id, task, generation, kept)
    }) {
        Started::GoesOn => {}
        Started::Unwanted => stop.abort(),
        Started::Past => drop(catch_panic(|| stop.remove())),
    }
}

/// The report is dropped last, so that a permit is free when nothing of the attempt is left.
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
        self.driver.with_shard(self.shard, |shard, now, room| {
            shard.engine.progress(now, room, self.id, phase);
        });
    }
}

/// Closes a connection without a user. True if it is closed on return; otherwise a task closes it,
/// and reports.
fn close<C: Connector>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    id: ConnectionId,
    live: Option<Box<Live<C>>>,
) -> bool {
    let Some(mut live) = live else { return true };
    live.stop_watching();
    let mut context = Context::from_waker(Waker::noop());
    let runtime = driver.home.runtime();
    let (Some((generation, runtime)), false) = (runtime, live.poll_close(&mut context).is_ready())
    else {
        live.discard();
        return true;
    };
    let mut closing = Closing {
        live: Some(live),
        _report: Report::new(driver, generation, shard, id),
    };
    let what = async move {
        poll_fn(|context| closing.poll(context)).await;
    };
    spawn(driver, (generation, runtime), shard, id, Task::Close, what);
    false
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
    generation: u64,
    shard: ShardId,
    id: ConnectionId,
    reported: bool,
}

impl<C: Connector> Report<C> {
    fn new(driver: &Arc<Driver<C>>, generation: u64, shard: ShardId, id: ConnectionId) -> Self {
        Self {
            driver: Arc::clone(driver),
            generation,
            shard,
            id,
            reported: false,
        }
    }

    fn finish(mut self, result: Result<C::Connection, ConnectError>, host: Host) {
        self.reported = true;
        let (shard, id, generation) = (self.shard, self.id, self.generation);
        match result {
            Err(error) => self.fail(Some(error)),
            Ok(io) => {
                let live = Live::new(io, &self.driver.wakeups, shard, id, generation, host);
                self.succeed(Box::new(live));
            }
        }
    }

    fn succeed(&self, live: Box<Live<C>>) {
        let id = self.id;
        let unwanted = self.driver.with_shard(self.shard, |shard, now, room| {
            match shard.ends_task(id, self.generation) {
                true => {
                    shard.open(live, now, room);
                    None
                }
                false => Some(live),
            }
        });
        if let Some(live) = unwanted {
            live.discard();
        }
    }

    /// Ends a failed attempt, or a connection that has been closed. An attempt without an error
    /// failed because its runtime is gone.
    fn fail(&self, error: Option<ConnectError>) {
        let id = self.id;
        self.driver.with_shard(self.shard, |shard, now, room| {
            shard.failure = error;
            if shard.ends_task(id, self.generation) {
                shard.task_ended(id);
                shard.engine.failed(now, room, id);
            }
        });
    }
}

impl<C: Connector> Drop for Report<C> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        let panicked = std::thread::panicking();
        if !panicked && self.driver.lock(self.shard).engine.is_connecting(self.id) {
            // The driver did not stop this task, so its runtime did.
            self.driver.runtime_lost(self.generation);
        }
        self.fail(panicked.then(self::panicked));
    }
}

fn panicked() -> ConnectError {
    ConnectError::new("connect", "the connector panicked")
}

/// The means to end a task.
pub(crate) struct Stop {
    task: AbortHandle,
    what: Arc<Removable>,
}

impl Stop {
    /// Ends it on its runtime, at the next poll.
    pub(crate) fn abort(&self) {
        self.task.abort();
    }

    /// Ends it at once, because its runtime may never poll it again.
    pub(crate) fn remove(&self) {
        self.what.remove();
        self.task.abort();
    }
}

/// The future of a task, which can be removed from the task that polls it.
///
/// An aborted task ends when its runtime polls it or shuts down. A live runtime may do neither,
/// such as one on a single thread outside of `block_on`. Its tasks would keep their resources.
/// Schedules are not explored here, so the lock is the system's.
pub(crate) struct Removable(Mutex<State>);

type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

enum State {
    /// The future is not being polled.
    Here(TaskFuture),
    /// The task is polling the future.
    Polled,
    /// The future is dropped, or will be after the present poll.
    Removed,
}

impl Removable {
    /// The future for the task, and the handle that removes it.
    pub(crate) fn new(future: impl Future<Output = ()> + Send + 'static) -> (Whole, Arc<Self>) {
        let removable = Arc::new(Self(Mutex::new(State::Here(Box::pin(future)))));
        (Whole(Arc::clone(&removable)), removable)
    }

    /// Drops the future: at once, or after the poll if it is being polled.
    pub(crate) fn remove(&self) {
        let before = mem::replace(&mut *self.lock(), State::Removed);
        drop(before);
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let Some(mut future) = self.take() else {
            return Poll::Ready(());
        };
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut state = self.lock();
        if matches!(*state, State::Polled) {
            *state = State::Here(future);
            return Poll::Pending;
        }
        drop(state);
        Poll::Ready(())
    }

    fn take(&self) -> Option<TaskFuture> {
        let mut state = self.lock();
        match mem::replace(&mut *state, State::Polled) {
            State::Here(future) => Some(future),
            State::Polled | State::Removed => {
                *state = State::Removed;
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task's own part; dropping it drops the future.
pub(crate) struct Whole(Arc<Removable>);

impl Future for Whole {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll(context)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.0.remove();
    }
}

/// Runs users' code; `None` if it panicked. The panic hook has then reported the panic.
///
/// The assertion of unwind safety holds because state that `code` left half changed is not used
/// afterwards.
pub(crate) fn catch_panic<R>(code: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(code)).ok()
}
