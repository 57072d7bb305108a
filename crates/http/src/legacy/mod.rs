//! A replacement for `hyper_util::client::legacy`: its users change one import.
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
//! type parameters and meanings. Any hyper-util connector opens the connections, and responses have
//! [`hyper::body::Incoming`] as their body. The difference is the manager: connections can be
//! limited, requests queue in order, and [`Client::manager`] shows the state.
//!
//! It needs the feature `legacy`. Some leftover hyper-util imports still compile but have no
//! effect: `docs/moving-from-hyper-util.md` in the repository lists them.
//!
//! # Settings
//!
//! Settings that are not listed here are hyper-util's, with its defaults and meanings, or a
//! manager's.
//!
//! | hyper-util | here |
//! |---|---|
//! | `pool_idle_timeout` | the same; it needs no timer |
//! | `pool_max_idle_per_host` | the same for HTTP/1.1; connections of HTTP/2 are kept unless it is 0 |
//! | `pool_timer` | accepted and ignored: a manager has its own timer, on tokio's clock |
//! | `timer` | the same: for the pings of HTTP/2 |
//! | the executor | runs the tasks that wait for responses to end; connections run in the tokio runtime of the first request, or in a thread of the manager once another runtime sends a request |
//! | `retry_canceled_requests` | the same, and more: a request is also sent again if its server reports that it did not process it, or if it is idempotent and its reused connection ended before the head of a response was complete; at most three times ([`Client::retries`](crate::Client::retries)). The extension [`Idempotent`](crate::Idempotent) marks a request as idempotent or not |
//! | `http1_max_buf_size`, `http1_read_buf_exact_size`, `http1_max_headers`, `http2_max_frame_size`, `http2_max_send_buf_size`, `http2_keep_alive_*` | the same; a value on which hyper would panic counts as the nearest valid one |
//! | `http2_initial_max_send_streams` | the same, but the default is one, not 100: the first request is sent at once, and the others wait for the server's settings |
//! | `http2_initial_*_window_size`, `http2_adaptive_window` | the same; if none is set, the window of a connection is that of all its streams, not 5 MiB as in hyper-util, where three unread bodies block all others |
//! | `max_idle_per_host` | the same: the old name of `pool_max_idle_per_host`, deprecated |
//! | none | the extension [`Deadlines`](crate::Deadlines) of a request, up to the head of its response: hyper's body has no timer |
//! | none | [`max_per_host`](Builder::max_per_host), [`max_open`](Builder::max_open), [`max_queued`](Builder::max_queued), [`max_connecting`](Builder::max_connecting), [`timeout`](Builder::timeout), [`close_timeout`](Builder::close_timeout), [`max_lifetime`](Builder::max_lifetime), [`max_uses`](Builder::max_uses): settings of a manager, unlimited by default |
//!
//! # Differences
//!
//! - [`capture_connection`](connect::capture_connection) must be imported from here: only
//!   hyper-util's client can read the mark of its own function.
//! - An HTTP/1.1 connection that has changed its protocol belongs to its user, as with hyper-util,
//!   and counts under no limit. [`Builder::count_upgraded`] makes it count until it is dropped.
//! - A connection attempt whose request was dropped, or got another connection, continues for the
//!   next request, as in hyper-util. But each host has at most four such attempts, for at most two
//!   minutes. None of them keeps a request from connecting under a limit that is set.
//! - With `http2_only`, or if a server has used HTTP/2 before, the first requests wait for one
//!   connection, as in hyper-util. When all connections carry as many requests as the server
//!   allows, a further request opens the next connection, one at a time. In hyper-util they all use
//!   one connection, and a surplus request fails if it was sent before the server's settings
//!   arrived. [`max_per_host`](Builder::max_per_host) limits the number of connections.
//! - The connector does not receive the user name and password of a URL.
//! - `build` requires a connector that is `Send` and `Sync`, as hyper-util's requests do.
//! - The connector runs in a task of the manager, without the task-locals of any request. It runs
//!   within the tracing span of the first request that waits for a connection. If it panics, the
//!   request fails as if the connector had returned an error; hyper-util panics with it.
//! - A connection is closed after a request whose headers announce a different body from the one
//!   sent.
//! - The hidden module `pool` is missing: a manager takes its place.
//!
//! # When a connection is returned
//!
//! hyper's body has no reference to its connection, so reading it has no effect on the lease. In
//! HTTP/1.1 the lease waits until hyper reports that the connection takes another request, in a
//! task if hyper does not report so at once. A body dropped before its end closes the connection.
//! In HTTP/2 each stream keeps a lease until both sides have ended the stream; the transport
//! follows this in the frames it carries.
//!
//! # Watching an idle connection
//!
//! A connector's stream exposes no descriptor for a check by system call. The client notices a
//! closed connection when hyper reads from it: while it is idle, and once more before a request. So
//! it notices events that the runtime has already reported, but not data that only the system has
//! received so far. For that, use a [`Client`](crate::Client) on connections of
//! [`NetConnector`](keepalive::NetConnector).

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
