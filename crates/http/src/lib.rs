//! HTTP/1.1 and HTTP/2 for clients, on connections that [`keepalive`] opens, limits, queues, reuses and closes.
//!
//! Three parts, each usable without the next:
//!
//! - [`Http`] is a [`keepalive::Connector`]: it opens connections that speak HTTP, over those of
//!   another connector.
//! - [`HttpConnection`] is what it opens, with [hyper](https://hyper.rs) inside.
//! - [`Client`] asks a manager for such a connection, sends a request, and gives the connection
//!   back when the [`Body`] of the answer has been read to its end.
//!
//! # What is promised
//!
//! - A connection of HTTP/1.1 serves its next request only after the answer before was read
//!   completely, and only if nothing more has arrived since. Whatever else happens to an exchange
//!   (its future is dropped, it fails, the server sends more than it announced) closes the
//!   connection. Of HTTP/2, it ends its own stream alone.
//! - What a server of HTTP/1.1 says by `Keep-Alive` holds, if it is less than what the manager allows
//!   (`keep_alive`, `max_uses`): after `timeout=n` an idle connection is closed one second before the
//!   time is over, because the server's clock starts as it sends its last byte, ours as that is
//!   read, and the next request has yet to get there. Of less than two seconds, half is used. After
//!   `timeout=0` and `max=0` a connection is not used again, and after `max=n` at most `n` times.
//! - A connection of HTTP/2 carries as many exchanges as its server allows at the time, up to
//!   [`Http::http2_max_streams`].
//! - A body of HTTP/2 that nobody reads costs the memory of its
//!   [window](Http::http2_stream_window), and holds up no other.
//! - A request is sent again only if nothing of it has left, if the server says that it has not
//!   processed it, or if it may be done twice and its connection had been used before and ended
//!   without a byte of an answer: the server had closed the connection as we reused it (RFC 9112,
//!   section 9.3.1, and RFC 9113, section 8.7). An error of a stream whose connection lives is final.
//!   [`Client::retries`] has the cases, and [`Idempotent`] says which requests may be done twice.
//! - The head of an answer, and the trailers of a body, have limits, the same for both versions:
//!   [`Http::max_header_bytes`] and [`Http::max_header_fields`]. Interim responses have one too,
//!   [`Http::max_interim_responses`].
//!
//! # Features
//!
//! - `legacy`: the module `legacy`, which stands in for `hyper_util::client::legacy`. Its users change
//!   one import.
//! - `tls`, on by default: `https`, by the TLS of [`keepalive`].
//!
//! # Examples
//!
//! ```no_run
//! use http_body_util::BodyExt;
//! use keepalive::Manager;
//! use keepalive_http::{Allocation, Client, Http};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let manager = Manager::builder().max_per_host(2).connector(Http::new()).build()?;
//! let client = Client::new(manager);
//!
//! let response = client.get("http://127.0.0.1:8080/hello").await?;
//! if let Some(allocation) = response.extensions().get::<Allocation>() {
//!     println!("{}: {:?}", allocation.id, allocation.from_cache);
//! }
//! let text = response.into_body().collect().await?.to_bytes();
//! # Ok(())
//! # }
//! ```

mod allocation;
mod attempt;
mod body;
mod client;
mod connection;
mod connector;
mod credentials;
mod deadlines;
mod error;
mod exchange;
mod head;
mod hold;
mod http1;
mod http2;
mod idempotent;
mod interim;
mod into_url;
mod io;
mod keep_alive;
#[cfg(feature = "legacy")]
pub mod legacy;
mod one_only;
mod origin;
mod outgoing;
mod resend;
mod rest;
mod settings;
mod target;
mod url;

pub use allocation::Allocation;
pub use body::Body;
pub use client::Client;
pub use connection::HttpConnection;
pub use connector::{Http, StreamConnector};
pub use deadlines::{Deadline, Deadlines, TimedOut};
pub use error::Error;
pub use idempotent::Idempotent;
pub use into_url::IntoUrl;
pub use url::{Url, UrlError};

/// Compiles the examples of README.md and docs/.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../../../docs/connecting.md")]
#[doc = include_str!("../../../docs/waiting.md")]
struct Guides;
