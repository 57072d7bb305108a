//! Choices read from bytes. Once the bytes are used up, each choice is the first.

use std::time::Duration;

pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Bytes<'_> {
    pub(super) fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.next().unwrap_or(0)) % limit
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Nothing, or a number from 1 to `limit`.
    pub(super) fn some(&mut self, limit: usize) -> Option<usize> {
        Some(self.below(limit + 1)).filter(|&number| number > 0)
    }

    pub(super) fn millis(&mut self) -> Duration {
        Duration::from_millis(self.below(256) as u64)
    }
}
