//! The distribution of waiting times, in little memory.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::timing::micros;

/// The number of times that are kept exactly.
const FEW: usize = 32;

/// Waiting times. Few are kept exactly, and more in a histogram of two significant figures.
///
/// So a run over 100,000 hosts with one request each needs no histogram for each.
#[derive(Clone, Debug)]
pub(crate) enum Waits {
    Few(Vec<u64>),
    Many(Box<Histogram<u32>>),
}

impl Waits {
    /// Adds a time.
    pub(crate) fn record(&mut self, wait: Duration) {
        let micros = micros(wait);
        match self {
            Self::Few(few) if few.len() < FEW => few.push(micros),
            Self::Few(_) => record(self.histogram(), micros),
            Self::Many(many) => record(many, micros),
        }
    }

    /// Adds all times of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        match other {
            Self::Few(few) => few
                .iter()
                .for_each(|&micros| self.record(Duration::from_micros(micros))),
            // It fails only for histograms that can not grow; this one can.
            Self::Many(many) => self.histogram().add(many.as_ref()).unwrap_or_default(),
        }
    }

    /// The time that `share` of all requests waited at most; `None` without requests.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let micros = match self {
            Self::Few(few) => {
                let mut sorted = few.clone();
                sorted.sort_unstable();
                let rank = (share * sorted.len() as f64).ceil() as usize;
                *sorted.get(rank.saturating_sub(1))?
            }
            Self::Many(many) => many.value_at_quantile(share),
        };
        Some(Duration::from_micros(micros))
    }

    fn histogram(&mut self) -> &mut Histogram<u32> {
        if let Self::Few(few) = self {
            let mut many = Histogram::new(2).expect("from 0 to 5 significant figures are allowed");
            few.iter().for_each(|&micros| record(&mut many, micros));
            *self = Self::Many(Box::new(many));
        }
        match self {
            Self::Many(many) => many,
            Self::Few(_) => unreachable!("it was made into many above"),
        }
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

fn record(histogram: &mut Histogram<u32>, micros: u64) {
    // The histogram grows as needed. A value beyond its bound counts as the largest.
    if histogram.record(micros).is_err() {
        histogram.saturating_record(micros);
    }
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
    fn few_waiting_times_are_exact() {
        assert_eq!(Waits::default().quantile(0.5), None);
        let waits = of(1..=20);
        assert_eq!(waits.quantile(0.5), Some(Duration::from_millis(10)));
        assert_eq!(waits.quantile(0.99), Some(Duration::from_millis(20)));
        assert_eq!(of(7..=7).quantile(0.0), Some(Duration::from_millis(7)));
    }

    #[test]
    fn many_waiting_times_are_exact_to_one_hundredth() {
        let mut waits = of(1..=400);
        waits.merge(&of(401..=1000));
        waits.merge(&Waits::default());
        assert!(matches!(waits, Waits::Many(_)));
        for (share, ms) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = waits.quantile(share).unwrap().as_secs_f64() * 1000.0;
            assert!((found / ms - 1.0).abs() < 0.01, "{share}: {found}");
        }
        waits.record(Duration::MAX);
        assert!(waits.quantile(1.0).unwrap() > Duration::from_secs(1 << 40));
    }

    #[test]
    fn few_waiting_times_stay_exact_when_merged() {
        let mut waits = of(1..=3);
        waits.merge(&of(4..=5));
        assert!(matches!(&waits, Waits::Few(few) if few.len() == 5));
    }
}
