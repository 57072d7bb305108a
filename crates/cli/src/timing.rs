//! Times as numbers, for JSON.

use std::time::Duration;

use keepalive::Timing;
use serde::Serialize;

/// The phases of getting a connection.
#[derive(Serialize)]
pub(crate) struct Phases {
    queued_us: u64,
    resolve_us: u64,
    connect_us: u64,
    proxy_us: u64,
    tls_us: u64,
}

impl From<Timing> for Phases {
    fn from(timing: Timing) -> Self {
        Self {
            queued_us: micros(timing.queued),
            resolve_us: micros(timing.resolve),
            connect_us: micros(timing.connect),
            proxy_us: micros(timing.proxy),
            tls_us: micros(timing.tls),
        }
    }
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
