//! The driver's interface to a runtime: tasks, a clock, notifications and chance.
//!
//! It is tokio's, except in builds that explore schedules, where nothing happens by itself.

#[cfg(not(any(keepalive_loom, keepalive_shuttle)))]
mod real;
#[cfg(any(keepalive_loom, keepalive_shuttle))]
pub mod simulated;

#[cfg(not(any(keepalive_loom, keepalive_shuttle)))]
pub(crate) use real::*;
#[cfg(any(keepalive_loom, keepalive_shuttle))]
pub(crate) use simulated::*;

/// The key of hashes, and the source of seeds. It is random, so that nobody outside can choose
/// collisions.
#[cfg(not(any(keepalive_loom, keepalive_shuttle)))]
pub(crate) use std::hash::RandomState as HashKey;
/// Equal in every run, so that a schedule can be repeated.
#[cfg(any(keepalive_loom, keepalive_shuttle))]
pub(crate) type HashKey = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;
