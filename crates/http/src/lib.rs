//! An HTTP/1.1 and HTTP/2 client, on connections that [`keepalive`] opens, limits, queues, reuses
//! and closes.
//!
//! Three parts, each usable without the next:
//!
//! - [`Http`] is a [`keepalive::Connector`]: it opens HTTP connections over the connections of
//!   another connector.
//! - [`HttpConnection`] is one such connection. It carries plain requests of HTTP/1.1 by a codec of
//!   its own, and all others by [hyper](https://hyper.rs).
//! - [`Client`] takes such a connection from a manager and sends a request. When the [`Body`] of
//!   the response has been read to its end, the client returns the connection.
//!
//! # Guarantees
//!
//! - An HTTP/1.1 connection serves its next request only after the previous response was read
//!   completely, and only if no more bytes have arrived since. Any other outcome closes the
//!   connection: the exchange's future is dropped, the exchange fails, or the server sends more
//!   than it announced. An HTTP/2 exchange ends only its own stream.
//! - The client honours the `Keep-Alive` header of an HTTP/1.1 server if it allows less than the
//!   manager does (`keep_alive`, `max_uses`). After `timeout=n` an idle connection is closed one
//!   second early, or after half the time if `n` is 1. The server's clock starts as it sends its
//!   last byte, ours as we read it, and the next request has yet to arrive. After `timeout=0` or
//!   `max=0` a connection is not reused; after `max=n` it serves at most `n` more requests.
//! - An HTTP/2 connection carries as many concurrent exchanges as its server currently allows, up
//!   to [`Http::http2_max_streams`].
//! - An unread HTTP/2 body costs the memory of its [window](Http::http2_stream_window), and blocks
//!   no other body.
//! - A request is sent again only if that is safe. Either no byte of it was sent, or the server
//!   reports that it did not process it (RFC 9113, section 8.7). Or it is idempotent, and its
//!   reused connection ended before the first byte of a response. Then the server closed the
//!   connection as we reused it (RFC 9112, section 9.3.1). A stream error on a live connection is
//!   final. [`Client::retries`] lists the cases, and [`Idempotent`] marks single requests.
//! - Response heads and body trailers have limits, the same for both versions:
//!   [`Http::max_header_bytes`] and [`Http::max_header_fields`]. Interim responses have one too,
//!   [`Http::max_interim_responses`].
//!
//! # Features
//!
//! - `legacy`: the module `legacy`, a replacement for `hyper_util::client::legacy`. Its users
//!   change one import.
//! - `tls`, on by default: `https`, through the TLS of [`keepalive`].
//!
//! # Examples
//!
//! ```no_run
//! use http_body_util::BodyExt;
//! use keepalive::Manager;
//! use keepalive_http::{Client, Http};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let manager = Manager::builder().max_per_host(2).connector(Http::new()).build()?;
//! let client = Client::new(manager);
//!
//! let response = client.get("http://127.0.0.1:8080/hello").await?;
//! let allocation = response.body().allocation();
//! println!("{}: {:?}", allocation.id, allocation.from_cache);
//! let text = response.into_body().collect().await?.to_bytes();
//! # Ok(())
//! # }
//! ```

mod allocation;
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
mod inspect;
mod into_url;
mod io;
mod keep_alive;
#[cfg(feature = "legacy")]
pub mod legacy;
mod lock;
mod once;
mod one_only;
mod origin;
mod outgoing;
mod received;
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
