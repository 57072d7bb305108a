//! The phases of getting a connection, and times as numbers for JSON.

use std::time::Duration;

use keepalive::Timing;
use serde::{Serialize, Serializer};

/// The phases of getting a connection, by name.
pub(crate) fn phases(timing: &Timing) -> [(&'static str, Duration); 5] {
    [
        ("queued", timing.queued),
        ("resolve", timing.resolve),
        ("connect", timing.connect),
        ("proxy", timing.proxy),
        ("tls", timing.tls),
    ]
}

pub(crate) fn by_phase<S: Serializer>(timing: &Timing, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(phases(timing).map(|(name, took)| (format!("{name}_us"), micros(took))))
}

/// The phases of getting a connection.
#[derive(Serialize)]
pub(crate) struct Phases(#[serde(serialize_with = "by_phase")] pub(crate) Timing);

pub(crate) fn in_micros<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    micros(*duration).serialize(to)
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
