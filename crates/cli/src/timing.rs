//! Times as numbers, for JSON.

use std::time::Duration;

use keepalive::Timing;
use serde::{Serialize, Serializer};

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

/// Serializes the phases of `timing`.
pub(crate) fn phases<S: Serializer>(timing: &Timing, to: S) -> Result<S::Ok, S::Error> {
    Phases::from(*timing).serialize(to)
}

/// Serializes whole microseconds.
pub(crate) fn in_micros<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    micros(*duration).serialize(to)
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
