//! Tokio's runtime.

use std::future::Future;
use std::hash::{Hash, Hasher};
use std::io;
use std::pin::Pin;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use tokio::runtime::Handle;
use tokio::runtime::{Builder, RuntimeFlavor};
pub(crate) use tokio::sync::Notify;
use tokio::sync::oneshot;
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
#[inline]
pub(crate) fn is_within(mark: u64) -> bool {
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
