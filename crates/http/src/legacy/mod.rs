//! What stands in for `hyper_util::client::legacy`: its users change one import.
//!
//! ```
//! # use http_body_util::Empty;
//! # use hyper::body::Bytes;
//! // was: use hyper_util::client::legacy::{Client, connect::HttpConnector};
//! use keepalive_http::legacy::{Client, connect::HttpConnector};
//! use hyper_util::rt::TokioExecutor;
//!
//! let client: Client<HttpConnector, Empty<Bytes>> =
//!     Client::builder(TokioExecutor::new()).build(HttpConnector::new());
//! ```
//!
//! [`Client`], [`Builder`], [`ResponseFuture`], [`Error`] and [`connect`] have hyper-util's names,
//! type parameters and meanings; any of its connectors opens the connections, and responses have
//! [`hyper::body::Incoming`] for a body. What is new is that the connections are a manager's:
//! they can be limited, requests wait their turn in order, and [`Client::manager`] says why.
//!
//! It needs the feature `legacy`. What an import left behind may still compile and do nothing:
//! `docs/moving-from-hyper-util.md` in the repository lists it.
//!
//! # Settings
//!
//! Those not named here are hyper-util's with its defaults and meanings, or a manager's.
//!
//! | hyper-util | here |
//! |---|---|
//! | `pool_idle_timeout` | the same; it needs no timer |
//! | `pool_max_idle_per_host` | the same for HTTP/1.1; connections of HTTP/2 are kept unless it is 0 |
//! | `pool_timer` | taken and not needed: a manager has its own timer, on tokio's clock |
//! | `timer` | the same: for the pings of HTTP/2 |
//! | the executor | waits for responses to end; connections run in the tokio runtime of the first request, and from the first request of another one on in a thread of the manager |
//! | `retry_canceled_requests` | the same, and more: a request is also sent again if its server says that it has not processed it, or if it may be done twice and its reused connection ended before the head of an answer was complete; at most three times ([`Client::retries`](crate::Client::retries)). The extension [`Idempotent`](crate::Idempotent) says which may be done twice |
//! | `http1_max_buf_size`, `http1_read_buf_exact_size`, `http1_max_headers`, `http2_max_frame_size`, `http2_max_send_buf_size`, `http2_keep_alive_*` | the same; what hyper would panic at counts as the nearest that works |
//! | `http2_initial_max_send_streams` | the same, but one unless it is set, and not 100: the first request goes at once, and the others wait for the server's settings |
//! | `http2_initial_*_window_size`, `http2_adaptive_window` | the same; if none is set, the window of a connection is that of all its streams, and not 5 MiB: there, three bodies that nobody reads hold up all others |
//! | `max_idle_per_host` | the same: the old name of `pool_max_idle_per_host`, deprecated |
//! | none | the extension [`Deadlines`](crate::Deadlines) of a request, up to the head of its response: hyper's body has no timer |
//! | none | [`max_per_host`](Builder::max_per_host), [`max_open`](Builder::max_open), [`max_queued`](Builder::max_queued), [`max_connecting`](Builder::max_connecting), [`timeout`](Builder::timeout), [`close_timeout`](Builder::close_timeout), [`max_lifetime`](Builder::max_lifetime), [`max_uses`](Builder::max_uses): a manager's, and unlimited unless they are set |
//!
//! # What is different
//!
//! - [`capture_connection`](connect::capture_connection) has to be ours: only hyper-util's client
//!   can read the mark that its own function makes.
//! - A connection of HTTP/1.1 that has changed its protocol is its user's own, as with hyper-util,
//!   and counts under no limit. [`Builder::count_upgraded`] has it count until it is dropped.
//! - An attempt to connect whose request has gone, or has been given another connection, finishes for
//!   the next, as there; but of one host four do so at most, for two minutes, and none that is in the
//!   way of a request under a limit that is set.
//! - With `http2_only`, or where a server has spoken HTTP/2 before, the first requests wait for one
//!   connection, as there. What is more than its server allows opens the next, one at a time, when all
//!   are full; hyper-util leaves it to one connection, and it fails if it was sent before the settings
//!   were there. [`max_per_host`](Builder::max_per_host) says how many there may be.
//! - A user name and a password in a URL are not passed on to the connector.
//! - `build` wants a connector that is `Send` and `Sync`, as hyper-util's requests do.
//! - The connector runs in a task of the manager's: within the tracing span of the request that asked
//!   first and waits for it, but without the task-locals of any request. If it panics, the request
//!   fails as with an error of the connector's; hyper-util panics with it.
//! - After a request whose headers announce another body than it has, its connection is closed.
//! - The hidden module `pool` is missing: a manager takes its place.
//!
//! # When a connection is given back
//!
//! hyper's body knows of no connection, so nothing happens as it is read. Of HTTP/1.1, the lease
//! waits, in a task unless it is there at once, for hyper's word that the connection takes another
//! request; a body that is dropped before its end closes it. Of HTTP/2, a lease is kept for every
//! stream until both sides have ended it, which the frames tell as they go over the transport.
//!
//! # Watching an idle connection
//!
//! A connector's stream has no descriptor to ask the system about. hyper reads from it while it is
//! idle, and once more before it sends a request; so what its runtime has heard of is noticed. What
//! the system has received and the runtime has not been told yet is not: that takes a connection of
//! [`Net`](keepalive::Net), and a [`Client`](crate::Client) on it.

mod builder;
mod client;
pub mod connect;
mod core;
mod error;
mod place;
mod versions;

pub use builder::Builder;
pub use client::{Client, ResponseFuture};
pub use error::Error;
