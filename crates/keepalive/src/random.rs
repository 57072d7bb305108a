//! Random values: the keys of hashes, and seeds.

/// Random, so that nobody outside can choose collisions.
#[cfg(not(any(keepalive_loom, keepalive_shuttle)))]
pub(crate) use std::hash::RandomState as HashKey;

/// Equal in every run, so that a schedule can be repeated.
#[cfg(any(keepalive_loom, keepalive_shuttle))]
pub(crate) type HashKey = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;
