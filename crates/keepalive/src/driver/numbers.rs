//! Numbers that are unique in the process: of requests, and of managers.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that are given out once in the process, taken in blocks.
pub(crate) struct Numbers(Range<u64>);

impl Numbers {
    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        loop {
            if let Some(number) = self.0.next() {
                return number;
            }
            self.0 = block();
        }
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self(0..0)
    }
}

#[cold]
fn block() -> Range<u64> {
    const BLOCK: u64 = 1 << 12;
    static BLOCKS: AtomicU64 = AtomicU64::new(0);
    let block = BLOCKS.fetch_add(1, Ordering::Relaxed);
    block * BLOCK + 1..(block + 1) * BLOCK + 1
}
