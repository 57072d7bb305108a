//! Time of the processor, and memory of the process.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// Time that the threads of this process have spent on a processor, the kernel's included.
pub fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}

/// Bytes of this process that are in memory, counted by the kernel page by page.
///
/// # Errors
///
/// When the kernel does not say.
pub fn resident_bytes() -> Result<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = size.context("no Rss in smaps_rollup")?.trim().parse()?;
    Ok(kibibytes * 1024)
}
