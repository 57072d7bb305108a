//! Locks a mutex.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`. No code that may panic runs with one of these locks held.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
