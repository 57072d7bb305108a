//! How long, and for how many requests, a server keeps a connection, by its `Keep-Alive` header.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use keepalive::authority;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

// The server's clock starts as it sends its last byte, ours as we read it, and the next request has
// yet to arrive.
const MARGIN: Duration = Duration::from_secs(1);

/// The server's announcement for a connection, and the time until which it may be reused.
#[derive(Debug, Default)]
pub(crate) struct KeepAlive {
    said: Said,
    /// `Some` on an idle connection with a time limit.
    until: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl KeepAlive {
    /// Reads a response. A time from an earlier response holds until a new one arrives.
    pub(crate) fn hear(&mut self, headers: &HeaderMap) {
        let said = Said::parse(headers);
        let left = self.said.requests.map(|left| left.saturating_sub(1));
        self.said.idle = said.idle.or(self.said.idle);
        self.said.requests = said.requests.or(left);
    }

    /// Whether no response has said anything.
    pub(crate) fn is_unheard(&self) -> bool {
        self.said == Said::default()
    }

    /// Marks the connection idle; returns whether it may be reused.
    pub(crate) fn begin(&mut self) -> bool {
        let idle = self.said.idle.map(less_margin);
        // A time beyond the clock's range is no limit.
        self.until = idle.and_then(|idle| Instant::now().checked_add(idle));
        self.said.requests != Some(0) && idle != Some(Duration::ZERO)
    }

    /// Marks the connection in use.
    pub(crate) fn end(&mut self) {
        self.until = None;
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }

    pub(crate) fn poll_expired(&mut self, runtime: &Handle, context: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.until else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| {
            let _entered = runtime.enter();
            Box::pin(sleep_until(until))
        });
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(context)
    }
}

/// The time minus the margin; at least half of the time remains.
fn less_margin(idle: Duration) -> Duration {
    idle - MARGIN.min(idle / 2)
}

/// The valid parameters of the header `Keep-Alive` (RFC 2068, section 19.7.1.1). The smaller of two
/// duplicates counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said {
    idle: Option<Duration>,
    /// How many more requests the connection takes.
    requests: Option<u64>,
}

// A constant, so that the name is not parsed for each response.
static NAME: HeaderName = HeaderName::from_static("keep-alive");

impl Said {
    fn parse(headers: &HeaderMap) -> Self {
        let mut said = Self::default();
        let values = headers.get_all(&NAME).into_iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        for parameter in texts.flat_map(|text| text.split(',')) {
            let Some((name, value)) = parameter.trim_matches([' ', '\t']).split_once('=') else {
                continue;
            };
            let Some(number) = authority::digits(value) else {
                continue;
            };
            if name.eq_ignore_ascii_case("timeout") {
                said.idle = smaller(said.idle, Duration::from_secs(number));
            } else if name.eq_ignore_ascii_case("max") {
                said.requests = smaller(said.requests, number);
            }
        }
        said
    }
}

fn smaller<T: Ord + Copy>(known: Option<T>, given: T) -> Option<T> {
    Some(known.map_or(given, |known| known.min(given)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], idle: Option<u64>, requests: Option<u64>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("keep-alive", value.parse().unwrap());
        }
        let idle = idle.map(Duration::from_secs);
        assert_eq!(Said::parse(&headers), Said { idle, requests });
    }

    #[test]
    fn a_keep_alive_header_is_parsed() {
        check(&[], None, None);
        check(&["timeout=5"], Some(5), None);
        check(&["timeout=5, max=100"], Some(5), Some(100));
        check(&["max=0,timeout=0"], Some(0), Some(0));
        check(&[" TimeOut=5\t,\tMAX=7 ", "other=1"], Some(5), Some(7));
    }

    #[test]
    fn the_smaller_of_two_keep_alive_values_counts() {
        check(
            &["timeout=5, timeout=3", "timeout=4, max=2"],
            Some(3),
            Some(2),
        );
    }

    #[test]
    fn a_keep_alive_header_that_makes_no_sense_is_ignored() {
        for nonsense in [
            "timeout",
            "timeout=",
            "timeout=-1",
            "timeout=+1",
            "timeout=1.5",
        ] {
            check(&[nonsense], None, None);
        }
        check(&["timeout=\"5\", timeout = 5, timeout=5s"], None, None);
        check(&["timeout=99999999999999999999, max=3"], None, Some(3));
        check(&["5", ",,", "max=1=1", "maximum=3"], None, None);
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("keep-alive"),
            http::HeaderValue::from_bytes(b"timeout=5, \xff").unwrap(),
        )]);
        assert_eq!(Said::parse(&headers), Said::default());
    }

    #[test]
    fn the_margin_of_a_keep_alive_time_is_a_second_or_half_of_it() {
        let left = |millis| less_margin(Duration::from_millis(millis)).as_millis();
        assert_eq!((left(0), left(1000), left(2000)), (0, 500, 1000));
        assert_eq!((left(3000), left(60_000)), (2000, 59_000));
    }

    #[tokio::test]
    async fn a_keep_alive_time_without_end_is_no_limit() {
        let mut keep_alive = KeepAlive::default();
        let mut headers = HeaderMap::new();
        headers.insert(
            "keep-alive",
            format!("timeout={}", u64::MAX).parse().unwrap(),
        );
        keep_alive.hear(&headers);
        assert!(keep_alive.begin() && !keep_alive.is_expired());
    }

    #[test]
    fn requests_are_counted_without_a_new_keep_alive_header() {
        let mut keep_alive = KeepAlive::default();
        let mut headers = HeaderMap::new();
        headers.insert("keep-alive", "max=2".parse().unwrap());
        keep_alive.hear(&headers);
        assert!(keep_alive.begin());
        headers.clear();
        keep_alive.hear(&headers);
        assert!(keep_alive.begin());
        keep_alive.hear(&headers);
        assert!(!keep_alive.begin());
    }
}
