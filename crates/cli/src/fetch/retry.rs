//! Decides on retries after statuses such as 503.

use std::hash::BuildHasher;
use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause, unless a server asks for more.
const LONGEST: Duration = Duration::from_secs(60);

/// The pause before a retry, after `tried` retries; `None` if the response is the result.
///
/// With 408, 429 and 503, the server did not process the request. With 502 and 504, it may have
/// done so. Then only idempotent requests are retried (RFC 9110, section 9.2.2).
pub(crate) fn pause(
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
    tried: u32,
) -> Option<Duration> {
    let is_again = match status.as_u16() {
        408 | 429 | 503 => true,
        502 | 504 => method.is_idempotent(),
        _ => false,
    };
    let asked = headers
        .get(RETRY_AFTER)
        .and_then(|value| after(value, SystemTime::now()));
    is_again.then(|| asked.unwrap_or_else(|| backoff(tried, chance())))
}

/// The pause of a `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// A pause between half and all of a time that doubles; `chance` is from 0 to 1.
fn backoff(tried: u32, chance: f64) -> Duration {
    let whole = FIRST.saturating_mul(1 << tried.min(16)).min(LONGEST);
    whole.mul_f64(0.5 + chance / 2.0)
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    let number = std::collections::hash_map::RandomState::new().hash_one(0);
    number as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_idempotent_requests_are_retried_after_502_and_504() {
        let none = HeaderMap::new();
        for (status, get, post) in [
            (200, false, false),
            (404, false, false),
            (408, true, true),
            (429, true, true),
            (500, false, false),
            (502, true, false),
            (503, true, true),
            (504, true, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            for (method, again) in [(Method::GET, get), (Method::POST, post)] {
                let pause = pause(&method, status, &none, 0);
                assert_eq!(pause.is_some(), again, "{method} {status}");
            }
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("99999999999999999999", Some(u64::MAX)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            let value = HeaderValue::from_static(text);
            assert_eq!(
                after(&value, now),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[test]
    fn the_pause_between_retries_doubles_within_bounds() {
        let seconds = |tried, chance| backoff(tried, chance).as_secs_f64();
        assert_eq!([seconds(0, 0.0), seconds(0, 1.0)], [0.5, 1.0]);
        assert_eq!([seconds(2, 0.0), seconds(2, 1.0)], [2.0, 4.0]);
        assert_eq!(seconds(u32::MAX, 1.0), 60.0);
        assert!((0.0..=1.0).contains(&chance()));
    }
}
