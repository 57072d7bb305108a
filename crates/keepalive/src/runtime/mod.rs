//! What the driver has of a runtime, in one place: tasks, a clock and notices.
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
