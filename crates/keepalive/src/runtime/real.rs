//! Tokio's runtime.

use std::future::Future;
use std::time::{Duration, Instant};

pub(crate) use tokio::runtime::Handle;
pub(crate) use tokio::sync::Notify;
pub(crate) use tokio::task::coop::{consume_budget, unconstrained};
pub(crate) use tokio::task::{AbortHandle, yield_now};
pub(crate) use tokio::time::timeout;
use tokio::time::{Timeout, sleep};

use crate::contain::contain;

/// The time by tokio's clock, which tests can stop.
#[inline]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Whether there is a current runtime, and it has timers.
pub(crate) fn has_timers() -> bool {
    // There is no other way to ask.
    Handle::try_current().is_ok() && contain(|| sleep(Duration::ZERO)).is_some()
}

/// Lets `future` go on until `at`.
pub(crate) fn timeout_at<F: Future>(at: Instant, future: F) -> Timeout<F> {
    tokio::time::timeout_at(at.into(), future)
}
