//! The distribution of waiting times, in little memory.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::timing::micros;

/// Waiting times, each in the three figures that are shown. So their number is bounded, and a run
/// over 100,000 hosts with one request each needs little for each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits(
    /// How often each time was waited, in microseconds.
    BTreeMap<u64, u64>,
);

impl Waits {
    pub(crate) fn record(&mut self, wait: Duration) {
        *self.0.entry(rounded(micros(wait))).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (&micros, times) in &other.0 {
            *self.0.entry(micros).or_default() += times;
        }
    }

    /// The time that `share` of all requests waited at most; `None` without requests.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let count: u64 = self.0.values().sum();
        let rank = ((share * count as f64).ceil() as u64).max(1);
        let mut waited = 0;
        let (&micros, _) = self.0.iter().find(|(_, times)| {
            waited += **times;
            waited >= rank
        })?;
        Some(Duration::from_micros(micros))
    }
}

/// The nearest number of three figures.
fn rounded(number: u64) -> u64 {
    let unit = 10_u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(2));
    (number / unit + u64::from(number % unit * 2 >= unit && unit > 1)) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: std::ops::RangeInclusive<u64>) -> Waits {
        let mut waits = Waits::default();
        range.for_each(|ms| waits.record(Duration::from_millis(ms)));
        waits
    }

    #[test]
    fn waiting_times_of_three_figures_are_exact() {
        assert_eq!(Waits::default().quantile(0.5), None);
        let waits = of(1..=20);
        assert_eq!(waits.quantile(0.5), Some(Duration::from_millis(10)));
        assert_eq!(waits.quantile(0.99), Some(Duration::from_millis(20)));
        assert_eq!(of(7..=7).quantile(0.0), Some(Duration::from_millis(7)));
        let mut waits = of(1..=400);
        waits.merge(&of(401..=1000));
        waits.merge(&Waits::default());
        for (share, ms) in [(0.5, 500), (0.99, 990), (1.0, 1000)] {
            assert_eq!(waits.quantile(share), Some(Duration::from_millis(ms)));
        }
    }

    #[test]
    fn a_waiting_time_is_rounded_to_three_figures() {
        for (micros, expected) in [(0, 0), (999, 999), (1_234, 1_230), (99_950, 100_000)] {
            assert_eq!(rounded(micros), expected, "{micros}");
        }
        let mut waits = Waits::default();
        waits.record(Duration::MAX);
        assert!(waits.quantile(1.0).unwrap() > Duration::from_secs(1 << 40));
    }
}
