//! Tokio's runtime.

use std::cell::Cell;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::io;
use std::pin::Pin;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use keepalive_tsc::TimeStampCounter;
pub(crate) use tokio::runtime::Handle;
use tokio::runtime::{Builder, RuntimeFlavor};
pub(crate) use tokio::sync::Notify;
use tokio::sync::oneshot;
use tokio::task;
pub(crate) use tokio::task::coop::unconstrained;
pub(crate) use tokio::task::{AbortHandle, yield_now};
pub(crate) use tokio::time::timeout;
use tokio::time::{Timeout, sleep};

use crate::driver::deferred::catch_panic;

/// The time by tokio's clock, which tests can pause.
#[inline]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The counter by which a shard may tell the time; see [`has_real_time`].
pub(crate) fn time_stamp_counter() -> Option<TimeStampCounter> {
    TimeStampCounter::trusted()
}

/// Whether a manager whose home has this mark goes by the system's clock. Tests can pause the time of
/// runtimes without threads of their own.
#[inline]
pub(crate) fn has_real_time(mark: u64) -> bool {
    mark != ANYWHERE && mark & 1 == 0
}

/// Whether there is a current runtime, and it has timers.
pub(crate) fn has_timers() -> bool {
    // Tokio has no other query for this.
    Handle::try_current().is_ok() && catch_panic(|| sleep(Duration::ZERO)).is_some()
}

/// Runs `future` until `at` at the latest.
pub(crate) fn timeout_at<F: Future>(at: Instant, future: F) -> Timeout<F> {
    tokio::time::timeout_at(at.into(), future)
}

/// No mark: every caller counts as within the runtime.
pub(crate) const ANYWHERE: u64 = 0;

/// The mark of a runtime, which distinguishes callers within it from those within others.
///
/// A caller outside of any runtime counts as within one with its own threads, because that runs
/// independently. It does not count as within one that runs only while its user drives it.
pub(crate) fn mark(runtime: &Handle) -> u64 {
    let waits_for_its_user = runtime.runtime_flavor() == RuntimeFlavor::CurrentThread;
    number(runtime) << 1 | u64::from(waits_for_its_user)
}

/// Whether the caller is within the runtime with this mark.
///
/// A handle costs two atomic operations, so each thread remembers the last task that was within a
/// runtime with its own threads: a task never changes its runtime. A task of such a runtime counts as
/// within it even while it blocks on another one, because the first one runs independently.
#[inline]
pub(crate) fn is_within(mark: u64) -> bool {
    let Some(task) = task::try_id() else {
        return is_current(mark);
    };
    if mark & 1 == 1 {
        return is_current(mark);
    }
    LAST_WITHIN.get() == Some((mark, task)) || is_now_within(mark, task)
}

thread_local! {
    static LAST_WITHIN: Cell<Option<(u64, task::Id)>> = const { Cell::new(None) };
}

#[inline(never)]
fn is_now_within(mark: u64, task: task::Id) -> bool {
    let is_within = is_current(mark);
    if is_within {
        LAST_WITHIN.set(Some((mark, task)));
    }
    is_within
}

fn is_current(mark: u64) -> bool {
    match Handle::try_current() {
        Ok(current) => number(&current) == mark >> 1,
        Err(_) => mark & 1 == 0,
    }
}

/// The number of a runtime, unique among the live ones.
fn number(runtime: &Handle) -> u64 {
    struct Number(u64);

    impl Hasher for Number {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = self.0 << 8 | u64::from(*byte);
            }
        }

        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }

    // Tokio exposes the number to hashers only, except as text.
    let mut number = Number(0);
    runtime.id().hash(&mut number);
    number.finish()
}

/// A thread with a runtime that is always driven. It ends with its future.
pub(crate) struct OwnThread {
    handle: Handle,
    run: oneshot::Sender<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl OwnThread {
    /// Starts the thread, and waits until its runtime is ready.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let (run, what) = oneshot::channel();
        let thread = thread::Builder::new().name("keepalive".to_owned());
        thread.spawn(move || {
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(sender.send(Err(error))),
            };
            if sender.send(Ok(runtime.handle().clone())).is_err() {
                return;
            }
            runtime.block_on(async {
                if let Ok(what) = what.await {
                    what.await;
                }
            });
            // A lookup may still block a thread of the pool; it ends by itself.
            runtime.shutdown_background();
        })?;
        let ended = |_| io::Error::other("the thread ended");
        let handle = receiver.recv().map_err(ended)??;
        Ok(Self { handle, run })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs this future on the thread, and ends with it.
    pub(crate) fn run(self, what: impl Future<Output = ()> + Send + 'static) {
        drop(self.run.send(Box::pin(what)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_within_its_own_runtime_alone_at_each_look() {
        let runtimes = [
            Builder::new_multi_thread().worker_threads(1).build(),
            Builder::new_multi_thread().worker_threads(1).build(),
            Builder::new_current_thread().build(),
            Builder::new_current_thread().build(),
        ];
        let runtimes = runtimes.map(|runtime| runtime.unwrap());
        let marks = runtimes.each_ref().map(|runtime| mark(runtime.handle()));
        for (own, runtime) in runtimes.iter().enumerate() {
            // The two runtimes without threads take turns on this one.
            for _ in 0..2 {
                let looks = runtime.spawn(async move {
                    let look = || marks.map(is_within);
                    [look(), look()]
                });
                let expected = [0, 1, 2, 3].map(|other| other == own);
                assert_eq!(runtime.block_on(looks).unwrap(), [expected; 2]);
            }
        }
    }
}
