//! Real sockets: servers that tag their responses, a faulty proxy, and counts of resources.
//!
//! Most of it needs Linux, which reports the resources of a process.

pub mod again;
#[cfg(target_os = "linux")]
pub mod census;
#[cfg(target_os = "linux")]
pub mod chaos;
pub mod combinations;
#[cfg(target_os = "linux")]
pub mod crowd;
pub mod echo;
mod exchange;
pub mod faults;
pub mod gauge;
#[cfg(all(feature = "load", target_os = "linux"))]
pub mod load;
#[cfg(target_os = "linux")]
pub mod namespace;
pub mod program;
#[cfg(unix)]
pub mod proxies;
#[cfg(target_os = "linux")]
mod pump;
#[cfg(target_os = "linux")]
mod stream;
pub mod toxic;

use std::time::{Duration, Instant};

/// Polls a condition that sends no notification; returns whether it held within `limit`.
pub async fn within(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > limit {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    true
}
