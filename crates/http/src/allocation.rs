//! How the connection of a response came about.

use keepalive::{FromCache, RequestId, Timing};

/// How the connection of a response came about; an extension of every response.
///
/// # Examples
///
/// ```no_run
/// # use keepalive_http::{Allocation, Body};
/// # fn example(response: http::Response<Body>) {
/// let allocation = response.extensions().get::<Allocation>();
/// let reused = allocation.is_some_and(|allocation| allocation.from_cache.is_some());
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocation {
    /// The request to the manager that was answered with the connection.
    pub id: RequestId,
    /// Whether the connection had been open before, and when it became free.
    pub from_cache: Option<FromCache>,
    /// How long it took to get the connection; of the last one, if there were several.
    pub timing: Timing,
    /// How often the request was sent again, see [`Client::retries`](crate::Client::retries).
    pub resent: u32,
}
