//! Times as numbers, for JSON.

use std::time::Duration;

use keepalive::Timing;
use serde::{Serialize, Serializer};

/// Serializes the phases of getting a connection.
pub(crate) fn phases<S: Serializer>(timing: &Timing, to: S) -> Result<S::Ok, S::Error> {
    let phases = [
        ("queued_us", timing.queued),
        ("resolve_us", timing.resolve),
        ("connect_us", timing.connect),
        ("proxy_us", timing.proxy),
        ("tls_us", timing.tls),
    ];
    to.collect_map(phases.map(|(name, took)| (name, micros(took))))
}

/// The phases of getting a connection.
#[derive(Serialize)]
pub(crate) struct Phases(#[serde(serialize_with = "phases")] pub(crate) Timing);

/// Serializes whole microseconds.
pub(crate) fn in_micros<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    micros(*duration).serialize(to)
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
