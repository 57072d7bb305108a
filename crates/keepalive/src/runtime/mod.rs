//! The driver's interface to a runtime: tasks, a clock and notifications.
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
