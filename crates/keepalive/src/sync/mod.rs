//! The locks and atomics of the driver, and a queue between threads.
//!
//! In builds with `--cfg keepalive_loom` or `--cfg keepalive_shuttle` they are those of loom or
//! shuttle, which run a model under many schedules. Each use of one is a point where threads may
//! switch.

pub(crate) mod channel;
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

pub(crate) use system::MutexGuard;
#[cfg(not(keepalive_loom))]
pub(crate) use system::atomic::AtomicU64;
pub(crate) use system::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
// `Arc` is the standard one in every build, because no other can be a method receiver.
pub(crate) use std::sync::{Arc, Weak};

/// A mutex without poisoning. After a panic of a holder, its contents are either consistent, or
/// checked by the engine's assertions.
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

    /// Waits for the lock. If this thread also waited for it the last time, it first spins briefly.
    ///
    /// Threads that alternate with every use move the contents of the lock between their caches
    /// each time, which takes longer than the use. While the second thread spins, the first can
    /// have several uses in a row.
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

    /// Whether this thread also waited for this lock the last time.
    fn is_met_again(&self) -> bool {
        let here = std::ptr::from_ref(self).addr();
        MET.try_with(|met| met.replace(here) == here)
            .unwrap_or(false)
    }
}

std::thread_local! {
    /// The address of the lock that this thread last waited for.
    static MET: Cell<usize> = const { Cell::new(0) };
}

/// Spin hints before each retry, of 10 to 50 ns each. After the last retry, the thread blocks.
const STEPS_BACK: [u32; 4] = [32, 64, 128, 256];

/// Whether schedules are explored. Trying a lock would then add a step to each without a benefit.
const EXPLORED: bool = cfg!(any(keepalive_loom, keepalive_shuttle));

/// Separates values that threads write into cache lines of their own.
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
