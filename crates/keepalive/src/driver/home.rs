//! The home of a manager: the runtime of its tasks.
//!
//! It begins as the runtime of the first request. When that is gone, the runtime of the next
//! request replaces it. But a live runtime may not be driven, and it may shut down while users of
//! others wait. So the first request from another runtime moves the home permanently to a thread of
//! the manager's own.

use keepalive_engine::ShardId;

use crate::api::error::Cause;
use crate::connect::Connector;
use crate::driver::deferred::Removable;
use crate::driver::{Driver, NO_RUNTIME, maintenance};
use crate::runtime::{self, Handle, OwnThread, has_timers};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};

/// The present home, if there is one.
#[derive(Default)]
pub(crate) struct Home {
    runtime: Mutex<Runtime>,
    /// The number of the present runtime, or none.
    generation: AtomicU64,
    /// Distinguishes users of the home from those of other runtimes; [`runtime::ANYWHERE`] where
    /// this is not needed.
    mark: AtomicU64,
    /// The number of the manager's own runtime, or none.
    own: AtomicU64,
}

#[derive(Default)]
struct Runtime {
    handle: Option<Handle>,
    maintenance: Option<Arc<Removable>>,
    /// Counts the runtimes, so that the end of one is not taken for the end of the next.
    generation: u64,
}

/// The state of the runtimes before the present one.
#[derive(Clone, Copy)]
pub(crate) struct Past {
    /// Runtimes up to this number are gone.
    pub(crate) lost: u64,
    /// Runtimes up to this number may be alive, but are no longer the home.
    pub(crate) left: u64,
}

impl Home {
    /// The number of the present runtime, or [`NO_RUNTIME`].
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether there is a home, and the caller is within another runtime.
    #[inline]
    pub(crate) fn is_elsewhere(&self) -> bool {
        let mark = self.mark.load(Ordering::Relaxed);
        mark != runtime::ANYWHERE && !runtime::is_within(mark)
    }

    /// Whether the system's clock is that of the home, and of all callers within it.
    #[inline]
    pub(crate) fn has_real_time(&self) -> bool {
        runtime::has_real_time(self.mark.load(Ordering::Relaxed))
    }

    /// The runtime of the home, with its number.
    pub(crate) fn runtime(&self) -> Option<(u64, Handle)> {
        let runtime = self.runtime.lock();
        Some((runtime.generation, runtime.handle.clone()?))
    }

    /// The state of the runtimes before the one with this number.
    pub(crate) fn past(&self, generation: u64) -> Past {
        let left = generation.saturating_sub(1);
        let own = self.own.load(Ordering::Relaxed);
        Past {
            lost: if own == generation {
                left.saturating_sub(1)
            } else {
                left
            },
            left,
        }
    }
}

impl<C: Connector> Driver<C> {
    /// Ensures that there is a home, and that it is driven as long as the caller needs it.
    pub(crate) fn ensure_home(self: &Arc<Self>) -> Result<(), Cause> {
        loop {
            // The home may be lost, or another one found, between a look and a lock.
            let is_done = match self.home.generation() {
                NO_RUNTIME => self.settle_here()?,
                _ => !self.home.is_elsewhere() || self.move_home(),
            };
            if is_done {
                return Ok(());
            }
        }
    }

    /// Makes the caller's runtime the home; false if there is a home already.
    fn settle_here(self: &Arc<Self>) -> Result<bool, Cause> {
        let Ok(current) = Handle::try_current() else {
            return Err(Cause::NoRuntime);
        };
        if !has_timers() {
            return Err(Cause::NoTimers);
        }
        let mut runtime = self.home.runtime.lock();
        if runtime.handle.is_some() {
            return Ok(false);
        }
        runtime.generation += 1;
        let generation = runtime.generation;
        let (task, maintenance) = Removable::new(maintenance::run(self, generation));
        runtime.handle = Some(current.clone());
        runtime.maintenance = Some(maintenance);
        let mark = runtime::mark(&current);
        self.home.mark.store(mark, Ordering::Relaxed);
        self.home.generation.store(generation, Ordering::Release);
        drop(runtime);
        current.spawn(task);
        Ok(true)
    }

    /// Moves the home to a thread of the manager's own. The home stays where it is if the system
    /// cannot provide a thread or a runtime. Returns false if the home has been lost.
    fn move_home(self: &Arc<Self>) -> bool {
        let mut runtime = self.home.runtime.lock();
        if runtime.handle.is_none() {
            return false;
        }
        if !self.home.is_elsewhere() {
            // Another caller has moved it.
            return true;
        }
        let Ok(thread) = OwnThread::start() else {
            return true;
        };
        runtime.generation += 1;
        let generation = runtime.generation;
        runtime.handle = Some(thread.handle().clone());
        let before = runtime.maintenance.take();
        self.home.own.store(generation, Ordering::Relaxed);
        self.home.mark.store(runtime::ANYWHERE, Ordering::Relaxed);
        self.home.generation.store(generation, Ordering::Release);
        drop(runtime);
        // Otherwise the old maintenance task would be woken in place of the new one.
        if let Some(before) = before {
            before.remove();
        }
        thread.run(maintenance::run(self, generation));
        for shard in self.ids() {
            self.with_shard(shard, |shard, now, room| {
                shard.follow(now, room, self.home.past(generation));
            });
        }
        true
    }

    /// Handles the loss of the home's runtime; a later request may bring another.
    pub(crate) fn runtime_lost(self: &Arc<Self>, generation: u64) {
        let mut runtime = self.home.runtime.lock();
        if runtime.generation != generation || runtime.handle.take().is_none() {
            return;
        }
        // The maintenance task is dropped with its task.
        runtime.maintenance = None;
        self.home.generation.store(NO_RUNTIME, Ordering::Release);
        self.common.freeze();
        drop(runtime);
        for shard in self.ids() {
            self.with_shard(shard, |shard, now, room| {
                shard.runtime_lost(now, room, generation);
            });
        }
        self.common.thaw();
        self.with_shard(ShardId(0), |shard, now, room| {
            shard.engine.resume(now, room);
        });
    }
}

#[cfg(all(test, not(any(keepalive_loom, keepalive_shuttle))))]
#[allow(clippy::unwrap_used)]
mod tests {
    use keepalive_engine::{Config, Settings};
    use tokio::runtime::Builder;

    use super::*;
    use crate::connect::bind::BindAddresses;
    use crate::connect::net::NetConnector;

    #[test]
    fn a_runtime_that_is_late_to_become_the_home_looks_again_and_moves_it() {
        let driver = driver();
        let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
        let (first, late) = (runtime(), runtime());
        let within = first.enter();
        assert!(driver.settle_here().unwrap());
        drop(within);
        let _within = late.enter();
        assert!(!driver.settle_here().unwrap());
        driver.ensure_home().unwrap();
        assert_eq!(driver.home.generation(), 2);
    }

    #[test]
    fn time_is_real_while_the_home_has_threads_of_its_own() {
        let alone = Builder::new_current_thread().enable_all().build().unwrap();
        let threads = Builder::new_multi_thread().enable_all().build().unwrap();
        let home_in = |runtime: &tokio::runtime::Runtime, driver: &Arc<Driver<_>>| {
            let _within = runtime.enter();
            driver.ensure_home().unwrap();
            driver.home.has_real_time()
        };
        // A test may pause the time of a runtime without threads of its own.
        assert!(!home_in(&alone, &driver()));
        let moved = driver();
        assert!(home_in(&threads, &moved));
        assert!(!home_in(&alone, &moved));
    }

    fn driver() -> Arc<Driver<NetConnector>> {
        let settings = Config::try_from(Settings::default()).unwrap();
        let connector = NetConnector::default();
        Arc::new(Driver::new(&settings, connector, BindAddresses::default()))
    }
}
