//! Decides whether and when a request without a response is sent again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The inputs of the decision whether a request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) failure: Failure,
    /// Whether the connection was used before.
    pub(crate) reused: bool,
    /// Whether the connection may carry several requests at a time.
    pub(crate) shared: bool,
    /// Whether the request is idempotent.
    pub(crate) idempotent: bool,
    /// Whether its body can be sent again.
    pub(crate) replayable: bool,
}

/// How a request ended without a response on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No byte of the request was sent, so its body is unchanged.
    Unsent,
    /// The server refused the request unprocessed: by REFUSED_STREAM, or by a GOAWAY with an error.
    Refused,
    /// A GOAWAY without an error names an earlier stream as the last.
    PassedOver,
    /// The server requires HTTP/1.1, and gets it from now on.
    WrongVersion,
    /// Its stream ended with another error.
    Reset,
    /// Its connection ended without a byte of a response.
    Silent,
    /// The time for a response is up.
    Late,
    /// Part of a response has arrived, or invalid bytes.
    Partial,
    /// The request itself is at fault, or its body failed.
    User,
}

/// Whether a request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resend {
    Never,
    AtOnce,
    AfterBackoff,
}

impl Case {
    /// The request is sent again if the server certainly did not act on it (RFC 9113, section 8.7).
    /// It is also sent again if it is idempotent, and its reused connection ended without a byte of
    /// a response. Then the server closed the connection as we reused it (RFC 9112, section 9.3.1).
    pub(crate) fn resend(self) -> Resend {
        match self.failure {
            // A server that ends a new, unshared connection would refuse this request again.
            Failure::Unsent if !self.reused && !self.shared => Resend::Never,
            Failure::Unsent => self.soon(),
            Failure::Refused | Failure::PassedOver | Failure::WrongVersion if !self.replayable => {
                Resend::Never
            }
            Failure::WrongVersion => Resend::AtOnce,
            Failure::Refused => Resend::AfterBackoff,
            Failure::PassedOver => self.soon(),
            Failure::Silent if self.may_have_been_closed() => Resend::AtOnce,
            Failure::Reset | Failure::Silent | Failure::Late => Resend::Never,
            Failure::Partial | Failure::User => Resend::Never,
        }
    }

    /// Whether the server may have closed the connection before it read any of the request. If it
    /// did read the request, no harm is done.
    fn may_have_been_closed(self) -> bool {
        self.reused && self.idempotent && self.replayable
    }

    /// At once, unless the server closes new connections: then it needs time to recover.
    fn soon(self) -> Resend {
        match self.reused {
            true => Resend::AtOnce,
            false => Resend::AfterBackoff,
        }
    }
}

/// Whether the request failed by its user's fault.
pub(crate) fn is_of_user(error: &hyper::Error) -> bool {
    error.is_user() && !is_dropped(error)
}

/// Whether hyper has dropped a request, with a runtime or with an HTTP/2 connection that had no
/// stream for it. hyper blames the user, and only the message reveals the cause.
pub(crate) fn is_dropped(error: &hyper::Error) -> bool {
    const DROPPED: &str = "runtime dropped the dispatch task";
    let cause = std::error::Error::source(error);
    error.is_user() && cause.is_some_and(|cause| cause.to_string() == DROPPED)
}

/// How long to wait before a request that was sent again `resent` times is sent once more.
///
/// The time is random, so that requests refused together do not return together.
pub(crate) fn backoff(resent: u32) -> Duration {
    within(longest(resent), RandomState::new().hash_one(resent))
}

const SHORTEST: Duration = Duration::from_millis(10);
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// The longest wait; it doubles each time.
fn longest(resent: u32) -> Duration {
    FIRST.saturating_mul(1 << resent.min(16)).min(LONGEST)
}

/// A time between the shortest and the longest, proportional to `drawn`.
fn within(longest: Duration, drawn: u64) -> Duration {
    SHORTEST + (longest - SHORTEST).mul_f64(drawn as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests;
