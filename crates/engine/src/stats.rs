//! The time that requests wait.

use std::time::Duration;

use hdrhistogram::Histogram;

/// How long requests waited for their connection, including those served at once.
///
/// Values are kept to two digits, in microseconds up to an hour; longer waits count as an hour.
#[derive(Clone, Debug, Default)]
pub struct WaitingTime {
    at_once: u64,
    /// Created when the first request waits: most managers of small programs never need it.
    waited: Option<Box<Histogram<u64>>>,
}

const LONGEST_MICROS: u64 = 3_600_000_000;

impl WaitingTime {
    /// How many requests were answered with a connection.
    pub fn count(&self) -> u64 {
        self.at_once + self.waited.as_ref().map_or(0, |waited| waited.len())
    }

    /// The time within which `percent` of these requests had their connection, 0 to 100.
    ///
    /// Zero when there were none.
    pub fn percentile(&self, percent: f64) -> Duration {
        let Some(waited) = &self.waited else {
            return Duration::ZERO;
        };
        let rank = (percent.clamp(0.0, 100.0) / 100.0 * self.count() as f64).ceil() as u64;
        let Some(rank) = rank.checked_sub(self.at_once).filter(|&rank| rank > 0) else {
            return Duration::ZERO;
        };
        let quantile = rank as f64 / waited.len() as f64;
        Duration::from_micros(waited.value_at_quantile(quantile))
    }

    /// The longest time, to two digits.
    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.waited.as_ref().map_or(0, |waited| waited.max()))
    }

    /// Adds the figures of another engine.
    pub fn add(&mut self, other: &Self) {
        self.at_once += other.at_once;
        if let Some(theirs) = &other.waited {
            let ours = self.waited.get_or_insert_with(|| Box::new(histogram()));
            ours.add(&**theirs).expect(GROWS);
        }
    }

    /// Records requests that did not wait.
    pub(crate) fn record_at_once(&mut self, requests: u64) {
        self.at_once += requests;
    }

    #[inline]
    pub(crate) fn record(&mut self, nanos: u64) {
        let micros = nanos / 1_000;
        if micros == 0 {
            self.at_once += 1;
        } else {
            let waited = self.waited.get_or_insert_with(|| Box::new(histogram()));
            waited.record(micros.min(LONGEST_MICROS)).expect(GROWS);
        }
    }

    /// Undoes one record of this time.
    pub(crate) fn take_back(&mut self, nanos: u64) {
        let micros = nanos / 1_000;
        match &mut self.waited {
            Some(waited) if micros > 0 => {
                let mut one = histogram();
                one.record(micros.min(LONGEST_MICROS)).expect(GROWS);
                waited.subtract(one).expect("the time was recorded");
            }
            _ => self.at_once -= 1,
        }
    }
}

/// A histogram that grows with the longest wait recorded. A wait of an hour takes thirteen times as
/// much memory as one of a quarter of a millisecond.
fn histogram() -> Histogram<u64> {
    Histogram::new(2).expect("two digits can be kept")
}

const GROWS: &str = "a histogram has room for any number of waits of an hour";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_count_the_requests_served_at_once() {
        let mut waiting = WaitingTime::default();
        assert_eq!(waiting.percentile(99.0), Duration::ZERO);
        for _ in 0..90 {
            waiting.record(0);
        }
        for millis in 1..=10 {
            waiting.record(millis * 10_000_000);
        }
        assert_eq!(waiting.count(), 100);
        assert_eq!(waiting.percentile(50.0), Duration::ZERO);
        assert_eq!(waiting.percentile(90.0), Duration::ZERO);
        let p95 = waiting.percentile(95.0).as_millis();
        assert!((49..=51).contains(&p95), "{p95}");
        let longest = waiting.percentile(100.0).as_millis();
        assert!((99..=101).contains(&longest), "{longest}");
    }

    #[test]
    fn figures_of_two_engines_add_up() {
        let mut a = WaitingTime::default();
        let mut b = WaitingTime::default();
        a.record(0);
        b.record(0);
        b.record(1_000_000_000);
        b.record(100_000_000_000_000);
        a.add(&b);
        assert_eq!(a.count(), 4);
        assert_eq!(a.percentile(1.0), Duration::ZERO);
        assert!(a.longest() >= Duration::from_secs(3600));
    }
}
