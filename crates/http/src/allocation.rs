//! How the client got the connection of a response.

use keepalive::{FromCache, RequestId, Timing};

/// How the client got the connection of a response: [`Body::allocation`](crate::Body::allocation).
///
/// # Examples
///
/// ```no_run
/// # use keepalive_http::Body;
/// # fn example(response: http::Response<Body>) {
/// let reused = response.body().allocation().from_cache.is_some();
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocation {
    /// The manager's request that got the connection.
    pub id: RequestId,
    /// Whether the connection was already open, and when it became free.
    pub from_cache: Option<FromCache>,
    /// How long it took to get the connection; if there were several, the last one.
    pub timing: Timing,
    /// How often the request was sent again, see [`Client::retries`](crate::Client::retries).
    pub resent: u32,
}
