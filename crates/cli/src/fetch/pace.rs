//! Limits the rate of fetches of a host, and the rate of reading bodies.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keepalive::{Host, authority};
use tokio::time::{Instant, sleep_until};

/// The limit on the rate of fetches of each host, evenly spread.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    /// The earliest time of the next fetch of each host.
    next: Mutex<HashMap<Host, Instant>>,
}

impl Pace {
    /// Allows one fetch of a host in each `interval`.
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: Mutex::default(),
        }
    }

    /// Waits until the next fetch of `host` may start.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves its turn unused.
    pub(crate) async fn turn(&self, host: &Host) {
        sleep_until(self.take(host, Instant::now())).await;
    }

    fn take(&self, host: &Host, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let free = next.entry(host.clone()).or_insert(now);
        let turn = now.max(*free);
        *free = turn + self.interval;
        turn
    }
}

/// Parses a rate such as `10/s`, `30/m` or `100/h` into the time between two fetches. The error is
/// the fault in words.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and a time, as in 10/s, 30/m or 100/h".to_owned();
    let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    match authority::digits(number) {
        Some(number @ 1..) => Ok(Duration::from_secs(seconds) / number),
        _ => Err(wrong()),
    }
}

/// The earliest time for having read so many bytes of a body that began at `begun`.
pub(crate) fn due(begun: Instant, bytes: u64, per_second: u64) -> Instant {
    begun + Duration::from_secs_f64(bytes as f64 / per_second.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        let request = keepalive::Request::new("http", name, 80).unwrap();
        request.host().clone()
    }

    #[tokio::test]
    async fn the_rate_limit_holds_for_each_host_alone() {
        let pace = Pace::new(Duration::from_secs(2));
        let now = Instant::now();
        let seconds = |name, now| (pace.take(&host(name), now) - now).as_secs();
        assert_eq!(
            [seconds("a", now), seconds("a", now), seconds("a", now)],
            [0, 2, 4]
        );
        assert_eq!(seconds("b", now), 0);
        let later = now + Duration::from_secs(60);
        assert_eq!([seconds("a", later), seconds("a", later)], [0, 2]);
    }

    #[test]
    fn a_rate_is_a_number_and_a_unit_of_time() {
        for (text, millis) in [
            ("10/s", 100),
            ("1/s", 1000),
            ("30/m", 2000),
            ("60/h", 60_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)));
        }
        for wrong in [
            "", "10", "10/", "/s", "0/s", "-1/s", "+1/s", "10/w", "1.5/s",
        ] {
            parse(wrong).expect_err(wrong);
        }
    }
}
