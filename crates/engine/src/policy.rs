//! Random choices as pure functions of a seed.

use std::time::Duration;

use crate::time::Time;

/// A small generator (SplitMix64, Steele et al. 2014): good enough to spread deadlines.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to 1, 1 excluded.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The time at which a connection opened at `opened` reaches its lifetime. It is drawn once, so
/// that connections opened together do not end together (C6). `None` is never.
pub(crate) fn lifetime_end(
    opened: Time,
    max_lifetime: Option<Duration>,
    jitter: f64,
    random: &mut Random,
) -> Option<Time> {
    let max_lifetime = max_lifetime?;
    let kept = 1.0 - jitter * random.fraction();
    // A lifetime too long for the arithmetic counts as none.
    let lifetime = Duration::try_from_secs_f64(max_lifetime.as_secs_f64() * kept).ok()?;
    opened.checked_add(lifetime)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I13, C6: connections that were opened together do not end together.
    #[test]
    fn lifetimes_spread_below_the_maximum_and_never_above() {
        let opened = Time::START;
        let mut random = Random::new(1);
        let hour = Duration::from_secs(3600);
        let ends: Vec<f64> = (0..1000)
            .map(|_| {
                let end = lifetime_end(opened, Some(hour), 0.25, &mut random).unwrap();
                end.saturating_duration_since(opened).as_secs_f64() / hour.as_secs_f64()
            })
            .collect();
        assert!(ends.iter().all(|share| (0.75..=1.0).contains(share)));
        for tenth in 0..10 {
            let low = 0.75 + 0.025 * f64::from(tenth);
            let within = ends
                .iter()
                .filter(|&&end| (low..low + 0.025).contains(&end));
            assert!((50..200).contains(&within.count()), "tenth {tenth}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_generators_authors() {
        let mut random = Random::new(1_234_567);
        for known in [
            6_457_827_717_110_365_317_u64,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ] {
            let fraction = (known >> 11) as f64 / (1_u64 << 53) as f64;
            assert_eq!(random.fraction().to_bits(), fraction.to_bits());
        }
    }

    #[test]
    fn an_endless_lifetime_has_no_end() {
        let mut random = Random::new(1);
        let opened = Time::START;
        assert_eq!(
            lifetime_end(opened, Some(Duration::MAX), 0.1, &mut random),
            None
        );
        assert_eq!(lifetime_end(opened, None, 0.1, &mut random), None);
    }
}
