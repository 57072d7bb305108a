//! The clock of a manager, which all its threads read without a lock.

use keepalive_engine::Time;

use crate::driver::clock::{Clock, Reading};
use crate::sync::{AtomicU64, Ordering, fence};

/// A [`Clock`] behind a lock, and beside it the numbers by which it tells the time.
///
/// Readers that meet a change of the numbers, or find them expired while another thread renews them, ask
/// the system's clock.
#[derive(Debug)]
pub(crate) struct SharedClock {
    // Models have no counter, so the lock is the system's.
    clock: std::sync::Mutex<Clock>,
    numbers: Numbers,
}

impl SharedClock {
    pub(crate) fn new() -> Self {
        Self {
            clock: std::sync::Mutex::new(Clock::new()),
            numbers: Numbers::default(),
        }
    }

    /// The time by the counter, read by `read`, or by the system's clock, read by `look`.
    #[inline]
    pub(crate) fn now(&self, read: impl Fn() -> u64, look: impl FnOnce() -> Time) -> Time {
        let ticks = read();
        match self.numbers.read().and_then(|reading| reading.at(ticks)) {
            Some(now) => now,
            None => self.renew(read, look),
        }
    }

    #[cold]
    fn renew(&self, read: impl Fn() -> u64, look: impl FnOnce() -> Time) -> Time {
        // After a panic of another thread the numbers are as they were before it.
        let Ok(mut clock) = self.clock.try_lock() else {
            return look();
        };
        let now = clock.now(read, look);
        self.numbers.write(clock.reading());
        now
    }
}

/// A [`Reading`] that one thread at a time writes, and others read meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// Odd while the numbers change.
    version: AtomicU64,
    ticks: AtomicU64,
    nanos: AtomicU64,
    rate: AtomicU64,
    span: AtomicU64,
}

impl Numbers {
    /// The numbers, unless they change at this moment.
    #[inline]
    pub(crate) fn read(&self) -> Option<Reading> {
        let version = self.version.load(Ordering::Acquire);
        let reading = Reading {
            ticks: self.ticks.load(Ordering::Relaxed),
            nanos: self.nanos.load(Ordering::Relaxed),
            rate: self.rate.load(Ordering::Relaxed),
            span: self.span.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        let same = self.version.load(Ordering::Relaxed) == version;
        (same && version.is_multiple_of(2)).then_some(reading)
    }

    /// Replaces the numbers.
    pub(crate) fn write(&self, reading: Reading) {
        let Reading {
            ticks,
            nanos,
            rate,
            span,
        } = reading;
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.ticks.store(ticks, Ordering::Relaxed);
        self.nanos.store(nanos, Ordering::Relaxed);
        self.rate.store(rate, Ordering::Relaxed);
        self.span.store(span, Ordering::Relaxed);
        self.version.store(version + 2, Ordering::Release);
    }
}

#[cfg(all(test, not(any(keepalive_loom, keepalive_shuttle))))]
mod tests {
    use std::thread;

    use super::*;

    /// The counter has one tick for each nanosecond, and each reading moves it on. So the numbers of two
    /// renewals, mixed, would tell a time that is off by their distance.
    #[test]
    fn threads_never_read_half_a_renewal() {
        let (clock, ticks) = (SharedClock::new(), AtomicU64::new(1_000));
        let (clock, ticks) = (&clock, &ticks);
        let uses = |by: u64| {
            let mut looks = 0;
            for _ in 0..400_000 {
                let before = ticks.load(Ordering::Relaxed);
                let read = || ticks.fetch_add(by, Ordering::Relaxed);
                let look = || {
                    looks += 1;
                    Time::from_nanos(ticks.load(Ordering::Relaxed))
                };
                let now = clock.now(read, look).nanos();
                let after = ticks.load(Ordering::Relaxed);
                let told = before.saturating_sub(20_000)..=after + 20_000;
                assert!(told.contains(&now), "{now} is not in {told:?}");
            }
            looks
        };
        thread::scope(|scope| {
            let threads = [300, 400].map(|by| scope.spawn(move || uses(by)));
            for thread in threads {
                let looks = thread.join().expect("the time is right");
                assert!(looks < 200_000, "{looks} looks at the system's clock");
            }
        });
    }
}
