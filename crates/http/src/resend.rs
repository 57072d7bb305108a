//! Whether a request that got no response is sent again, and when.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// All that decides whether a request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) failure: Failure,
    /// Whether its connection has ended.
    pub(crate) ended: bool,
    /// Whether the connection had been used before.
    pub(crate) reused: bool,
    /// Whether others may have requests on the connection.
    pub(crate) shared: bool,
    /// Whether it may be done twice.
    pub(crate) idempotent: bool,
    /// Whether its body can be had once more.
    pub(crate) replayable: bool,
}

/// How an attempt ended without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing of the request has left, so its body is there as it was.
    Unsent,
    /// The server turned it away unprocessed: by REFUSED_STREAM, or by a GOAWAY of an error.
    Refused,
    /// A GOAWAY without an error names an earlier stream as the last.
    PassedOver,
    /// The server wants it by HTTP/1.1, and has it so from now on.
    WrongVersion,
    /// Its stream ended by another error.
    Reset,
    /// Nothing of a response has arrived.
    Silent,
    /// A part of a response has arrived, or bytes that make none.
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
    /// The request is sent again if the server has certainly not acted on it (RFC 9113, section
    /// 8.7). It is also sent again if it may be done twice, and its connection had been used before
    /// and ended with nothing said: the server had closed the connection as we reused it (RFC 9112,
    /// section 9.3.1).
    pub(crate) fn resend(self) -> Resend {
        match self.failure {
            // A server that ends what is new and serves nobody else does not want this request.
            Failure::Unsent if !self.reused && !self.shared => Resend::Never,
            Failure::Unsent => self.soon(),
            Failure::Refused | Failure::PassedOver | Failure::WrongVersion if !self.replayable => {
                Resend::Never
            }
            Failure::WrongVersion => Resend::AtOnce,
            Failure::Refused => Resend::AfterBackoff,
            Failure::PassedOver => self.soon(),
            Failure::Silent if self.may_have_been_closed() => Resend::AtOnce,
            Failure::Reset | Failure::Silent | Failure::Partial | Failure::User => Resend::Never,
        }
    }

    /// Whether the server may have closed the connection before it read any of the request, and
    /// no harm is done if it did read it.
    fn may_have_been_closed(self) -> bool {
        self.ended && self.reused && self.idempotent && self.replayable
    }

    /// At once, unless the server turns away what is new: that takes it some time to mend.
    fn soon(self) -> Resend {
        match self.reused {
            true => Resend::AtOnce,
            false => Resend::AfterBackoff,
        }
    }
}

/// Whether the user of a request is at fault that failed.
pub(crate) fn is_of_user(error: &hyper::Error) -> bool {
    error.is_user() && !is_dropped(error)
}

/// Whether hyper has dropped a request: with a runtime, or with a connection of HTTP/2 that had no
/// stream for it. hyper says that the user is at fault, and tells it by words alone.
pub(crate) fn is_dropped(error: &hyper::Error) -> bool {
    const DROPPED: &str = "runtime dropped the dispatch task";
    let cause = std::error::Error::source(error);
    error.is_user() && cause.is_some_and(|cause| cause.to_string() == DROPPED)
}

/// How long to wait before a request that was sent again so many times is sent once more.
///
/// It is a random time, so that those that were turned away together do not come back together.
pub(crate) fn backoff(resent: u32) -> Duration {
    within(longest(resent), RandomState::new().hash_one(resent))
}

const SHORTEST: Duration = Duration::from_millis(10);
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// The most that is waited; it doubles each time.
fn longest(resent: u32) -> Duration {
    FIRST.saturating_mul(1 << resent.min(16)).min(LONGEST)
}

/// A time from the shortest to the longest, drawn by this number.
fn within(longest: Duration, drawn: u64) -> Duration {
    let span = longest.saturating_sub(SHORTEST).as_micros();
    let part = (u128::from(drawn) * (span + 1)) >> 64;
    SHORTEST + Duration::from_micros(u64::try_from(part).unwrap_or(0))
}

#[cfg(test)]
mod tests;
