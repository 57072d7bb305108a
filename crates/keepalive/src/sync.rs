//! Locks and atomics of the driver, in one place.
//!
//! In builds with `--cfg keepalive_loom` or `--cfg keepalive_shuttle` they are those of loom or
//! shuttle, which run a model under many schedules: each use of one is where threads may switch.

#[cfg(keepalive_loom)]
mod explored;

use std::cell::Cell;
use std::sync::{PoisonError, TryLockError};

#[cfg(keepalive_loom)]
pub(crate) use explored::AtomicU64;
#[cfg(keepalive_loom)]
use loom::sync as system;
#[cfg(keepalive_shuttle)]
use shuttle::sync as system;
#[cfg(not(any(keepalive_loom, keepalive_shuttle)))]
use std::sync as system;

#[cfg(keepalive_loom)]
pub(crate) use loom::thread_local;
#[cfg(keepalive_shuttle)]
pub(crate) use shuttle::thread_local;
#[cfg(not(any(keepalive_loom, keepalive_shuttle)))]
pub(crate) use std::thread_local;

pub(crate) use system::MutexGuard;
#[cfg(not(keepalive_loom))]
pub(crate) use system::atomic::AtomicU64;
pub(crate) use system::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
// A count of holders is the system's in every build: only its own is a receiver of methods.
pub(crate) use std::sync::{Arc, Weak};

/// A mutex that outlives a panic of one of its holders: what it guards is either whole, or
/// checked by the engine's own assertions.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(system::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(system::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.try_lock() {
            Some(guard) => guard,
            None => self.wait(),
        }
    }

    #[inline]
    fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        if EXPLORED {
            return None;
        }
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Waits for the lock; away from it for a moment, if threads meet at it again and again.
    ///
    /// Threads that take turns with every use pass what the lock guards from one processor's cache
    /// to the other's each time, which takes longer than the use. So that each may have several in
    /// a row, who comes second stays away for about as long as some uses take.
    #[cold]
    fn wait(&self) -> MutexGuard<'_, T> {
        if !EXPLORED && self.is_met_again() {
            for pauses in STEPS_BACK {
                (0..pauses).for_each(|_| std::hint::spin_loop());
                if let Some(guard) = self.try_lock() {
                    return guard;
                }
            }
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is where this thread had to wait the last time, too.
    fn is_met_again(&self) -> bool {
        let here = std::ptr::from_ref(self).addr();
        MET.try_with(|met| met.replace(here) == here)
            .unwrap_or(false)
    }
}

std::thread_local! {
    /// The lock at which this thread met another last, by its place in memory.
    static MET: Cell<usize> = const { Cell::new(0) };
}

/// For how many pauses of the processor, of 10 to 50 ns each. Then the system is asked to wait.
const STEPS_BACK: [u32; 4] = [32, 64, 128, 256];

/// Whether schedules are explored: to try a lock would be one more step of each, and gain nothing.
const EXPLORED: bool = cfg!(any(keepalive_loom, keepalive_shuttle));

/// Keeps what threads write apart in cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

#[cfg(all(test, not(any(keepalive_loom, keepalive_shuttle))))]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn who_comes_second_waits_however_long_it_takes() {
        let mutex = Mutex::new(1);
        let (asks, asked) = mpsc::channel();
        thread::scope(|scope| {
            let mut held = mutex.lock();
            let second = scope.spawn(|| {
                asks.send(()).unwrap();
                *mutex.lock()
            });
            asked.recv().unwrap();
            while !second.is_finished() && *held < 1_000_000 {
                *held += 1;
            }
            assert!(!second.is_finished(), "the lock is held");
            drop(held);
            assert_eq!(second.join().unwrap(), 1_000_000);
        });
    }

    #[test]
    fn a_panic_of_one_holder_is_nothing_to_the_next() {
        let mutex = Mutex::new(1);
        let panicked = thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let _held = mutex.lock();
                panic!("on purpose");
            });
            holder.join().is_err()
        });
        assert!(panicked);
        assert_eq!(*mutex.lock(), 1);
        assert_eq!(*mutex.wait(), 1);
    }
}
