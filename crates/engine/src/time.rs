//! Points in time, as the driver passes them to an engine.

use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A point in time: nanoseconds since a start that the driver chooses, the same for all shards.
///
/// An engine only compares times and adds to them. The arithmetic of `Instant` would be a large
/// part of the cost of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(
    /// One more than the nanoseconds, so that an `Option` takes no extra memory.
    NonZeroU64,
);

impl Time {
    /// The start, from which all other points are counted.
    pub const START: Self = Self(NonZeroU64::MIN);

    /// The point `nanos` nanoseconds after the start, up to 584 years.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// The point `duration` after the start, up to 584 years.
    #[inline]
    pub fn after_start(duration: Duration) -> Self {
        Self::START
            .checked_add(duration)
            .unwrap_or(Self(NonZeroU64::MAX))
    }

    /// Nanoseconds since the start.
    #[inline]
    pub const fn nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// The point `duration` later; `None` if it is out of range.
    #[inline]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        self.checked_add_nanos(to_nanos(duration)?)
    }

    /// The point `nanos` nanoseconds later; `None` if it is out of range.
    #[inline]
    pub(crate) fn checked_add_nanos(self, nanos: u64) -> Option<Self> {
        self.0.checked_add(nanos).map(Self)
    }

    /// The time from `earlier` to this point; zero if `earlier` is later.
    #[inline]
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

/// A duration in nanoseconds; `None` if it is out of range.
#[inline]
pub(crate) fn to_nanos(duration: Duration) -> Option<u64> {
    let nanos = duration.as_secs().checked_mul(NANOS_PER_SECOND)?;
    nanos.checked_add(u64::from(duration.subsec_nanos()))
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The point `duration` later, or the last point in range.
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self(NonZeroU64::MAX))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// The time from `earlier` to this point; zero if `earlier` is later.
impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times_fit_together() {
        let second = Duration::new(1, 5);
        let later = Time::START + second;
        assert_eq!(later.nanos(), 1_000_000_005);
        assert_eq!(later, Time::after_start(second));
        assert_eq!(later, Time::from_nanos(1_000_000_005));
        assert_eq!(later.saturating_duration_since(Time::START), second);
        assert_eq!(Time::START.saturating_duration_since(later), Duration::ZERO);
    }

    #[test]
    fn time_ends_where_its_numbers_do() {
        let last = Time::from_nanos(u64::MAX);
        assert_eq!(last.nanos(), u64::MAX - 1);
        assert_eq!(Time::START.checked_add(Duration::MAX), None);
        assert_eq!(last.checked_add(Duration::from_nanos(1)), None);
        assert_eq!(last.checked_add(Duration::ZERO), Some(last));
        assert_eq!(Time::START + Duration::MAX, last);
        assert_eq!(Time::after_start(Duration::MAX), last);
    }

    #[test]
    fn no_time_takes_no_room() {
        assert_eq!(size_of::<Option<Time>>(), 8);
    }
}
