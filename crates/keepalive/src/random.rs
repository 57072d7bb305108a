//! What is drawn by chance: the keys of hashes, and seeds.

/// Drawn when the process starts, so that nobody outside can choose collisions.
#[cfg(not(any(keepalive_loom, keepalive_shuttle)))]
pub(crate) use std::hash::RandomState as HashKey;

/// The same in every run, so that a schedule can be run again.
#[cfg(any(keepalive_loom, keepalive_shuttle))]
pub(crate) type HashKey = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;
