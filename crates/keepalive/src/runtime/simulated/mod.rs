//! A runtime in which nothing happens by itself: the clock is set by hand, and a loom model or
//! shuttle's scheduler runs the tasks.

mod clock;
mod notify;
#[cfg_attr(keepalive_loom, path = "by_hand.rs")]
#[cfg_attr(keepalive_shuttle, path = "scheduled.rs")]
mod tasks;

use std::cell::RefCell;
use std::future::Future;

pub use clock::advance;
pub(crate) use clock::{now, timeout, timeout_at};
pub(crate) use notify::Notify;
pub use tasks::Runtime;
pub(crate) use tasks::{AbortHandle, Handle, yield_now};

thread_local! {
    /// All threads of a model or schedule run on one thread of the system.
    static CURRENT: RefCell<Option<Handle>> = const { RefCell::new(None) };
    /// The runtime of the manager's own thread, where the simulation provides one.
    static OWN: RefCell<Option<Handle>> = const { RefCell::new(None) };
}

impl Runtime {
    /// Makes it the current runtime, in place of the one before.
    pub fn enter(&self) {
        CURRENT.set(Some(self.handle().clone()));
    }

    /// Provides it for the thread of a manager's own, so that a home may move there. Homes chosen
    /// before do not move.
    pub fn provide(&self) {
        OWN.set(Some(self.handle().clone()));
    }
}

impl Handle {
    pub(crate) fn try_current() -> Result<Self, NoRuntime> {
        CURRENT.with_borrow(Clone::clone).ok_or(NoRuntime)
    }
}

/// No runtime has been entered.
#[derive(Debug)]
pub(crate) struct NoRuntime;

/// One model or schedule, from begin to end. It starts without the state of another.
#[derive(Debug)]
pub struct Simulation(());

impl Simulation {
    /// Begins it, at the start of the clock and without a runtime.
    pub fn begin() -> Self {
        clock::reset();
        Self(())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        let left = (CURRENT.take(), OWN.take(), clock::reset());
        if std::thread::panicking() {
            // After a failure, the locks of the remaining state are unusable.
            std::mem::forget(left);
        }
    }
}

/// The clock set by hand is the only one.
pub(crate) fn time_stamp_counter() -> Option<keepalive_tsc::TimeStampCounter> {
    None
}

pub(crate) fn has_real_time(_: u64) -> bool {
    false
}

pub(crate) fn has_timers() -> bool {
    Handle::try_current().is_ok()
}

/// There is no cooperative budget here.
pub(crate) fn unconstrained<F>(future: F) -> F {
    future
}

/// The mark of a home that does not move.
pub(crate) const ANYWHERE: u64 = 0;

/// Distinguishes runtimes where a home may move.
pub(crate) fn mark(runtime: &Handle) -> u64 {
    match OWN.with_borrow(Option::is_some) {
        true => runtime.number(),
        false => ANYWHERE,
    }
}

pub(crate) fn is_within(mark: u64) -> bool {
    CURRENT.with_borrow(|current| current.as_ref().map(Handle::number) == Some(mark))
}

/// The thread of a manager's own, if the simulation has one.
pub(crate) struct OwnThread(Handle);

impl OwnThread {
    pub(crate) fn start() -> Result<Self, NoRuntime> {
        OWN.take().map(Self).ok_or(NoRuntime)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.0
    }

    pub(crate) fn run(self, what: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(what);
    }
}
