//! The behaviour of the HTTP client over real sockets, by topic.

mod support;

mod cancellation;
mod deadlines;
mod dns;
mod errors;
mod exchanges;
mod framing;
mod heads;
mod http2;
mod interim;
mod limits;
mod outages;
mod proxies;
mod resend;
mod reuse;
mod runtime_end;
#[cfg(feature = "tls")]
mod tls;
mod unasked;
mod upgrades;
mod uploads;
mod urls;
