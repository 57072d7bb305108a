//! Locks and atomics of the driver, in one place.
//!
//! In builds with `--cfg keepalive_loom` or `--cfg keepalive_shuttle` they are those of loom or
//! shuttle, which run a model under many schedules: each use of one is where threads may switch.

#[cfg(keepalive_loom)]
mod explored;

use std::sync::PoisonError;

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

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what threads write apart in cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);
