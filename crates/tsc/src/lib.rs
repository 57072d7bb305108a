//! The processor's time-stamp counter, where the system trusts it as its clock.
//!
//! `keepalive` reads the time at each step of a connection. A read of the counter takes about a third
//! of the time of a read of the system's clock. This crate has the one instruction that needs
//! `unsafe`; `keepalive` turns ticks into time.
//!
//! # Platforms
//!
//! Linux on x86-64. Elsewhere there is no [`TimeStampCounter`].
//!
//! # Examples
//!
//! ```
//! use keepalive_tsc::TimeStampCounter;
//!
//! if let Some(counter) = TimeStampCounter::trusted() {
//!     let earlier = counter.read();
//!     let ticks = counter.read().wrapping_sub(earlier);
//!     println!("{ticks} ticks from one read to the next");
//! }
//! ```

use std::sync::OnceLock;

/// A counter that all processors of the machine increase together, at a constant rate.
#[derive(Clone, Copy, Debug)]
pub struct TimeStampCounter(());

impl TimeStampCounter {
    /// The counter, if the system's own clock is based on it; the system is asked once.
    ///
    /// Linux takes the counter for its clock only if the counter has one constant rate, never stops,
    /// and is the same on all processors. Linux gives it up when another clock contradicts it. Callers
    /// must notice that by themselves, by comparing the counter with the system's clock now and then.
    pub fn trusted() -> Option<Self> {
        static TRUSTED: OnceLock<bool> = OnceLock::new();
        TRUSTED
            .get_or_init(is_clock_of_the_system)
            .then_some(Self(()))
    }

    /// The number of ticks since an unspecified start.
    ///
    /// The processor may take the reading some instructions early or late.
    #[inline]
    pub fn read(self) -> u64 {
        read()
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
fn is_clock_of_the_system() -> bool {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    std::fs::read_to_string(source).is_ok_and(|name| name.trim() == "tsc")
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(miri))))]
fn is_clock_of_the_system() -> bool {
    false
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
#[inline]
fn read() -> u64 {
    // SAFETY: The instruction is part of x86-64, and touches no memory. A process may forbid it
    // (`PR_SET_TSC`). Then the system's clock fails too, because it uses the same instruction where
    // this is reachable.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(miri))))]
fn read() -> u64 {
    unreachable!("there is no counter here")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn readings_of_one_thread_rise_with_the_time() {
        let Some(counter) = TimeStampCounter::trusted() else {
            return;
        };
        let (start, first) = (Instant::now(), counter.read());
        let mut last = first;
        while start.elapsed() < Duration::from_millis(1) {
            let ticks = counter.read();
            assert!(ticks >= last, "{ticks} after {last}");
            last = ticks;
        }
        // From 10 MHz up.
        assert!(last - first > 10_000, "{} in a millisecond", last - first);
    }
}
