//! An atomic of loom that keeps the order of all sequentially consistent operations.

use loom::sync::atomic::{self, Ordering, fence};

/// Loom treats `SeqCst` as `AcqRel`, but supports sequentially consistent fences. A fence before
/// and one after give an operation its place in their order.
#[derive(Debug, Default)]
pub(crate) struct AtomicU64(atomic::AtomicU64);

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        Self(atomic::AtomicU64::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u64 {
        match order {
            Ordering::SeqCst => fenced(|| self.0.load(Ordering::Acquire)),
            order => self.0.load(order),
        }
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        match order {
            Ordering::SeqCst => fenced(|| self.0.store(value, Ordering::Release)),
            order => self.0.store(value, order),
        }
    }

    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    pub(crate) fn fetch_min(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_min(value, order)
    }
}

fn fenced<R>(operation: impl FnOnce() -> R) -> R {
    fence(Ordering::SeqCst);
    let result = operation();
    fence(Ordering::SeqCst);
    result
}
