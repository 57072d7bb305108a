//! The client connection manager for async Rust: one object that owns every outgoing connection
//! of a program.
//!
//! A [`Manager`] opens connections to a scheme, address and port on request. It limits the
//! connections per host and in total; requests above a limit wait in order, each with a deadline.
//! When a user gives a connection back, the manager keeps it alive for a while and reuses it for
//! the next request. It notices when the peer closes a connection, and answers every request
//! exactly once.
//!
//! # Examples
//!
//! ```no_run
//! use keepalive::{Manager, Request};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let manager = Manager::builder().max_per_host(4).max_open(128).build()?;
//!
//! let mut lease = manager.allocate(Request::new("echo", "127.0.0.1", 7)?).await?;
//! lease.write_all(b"hello").await?;
//! let mut answer = [0; 5];
//! lease.read_exact(&mut answer).await?;
//! lease.free(); // back to the manager, for reuse
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//!
//! - [`Manager`] and [`ManagerBuilder`]: limits, queue and cache. [`Request`]: the host to connect to.
//! - [`Pending`]: a waiting request; await it. [`Lease`]: a connection in use.
//! - [`mailbox`]: answers as posted [`Response`]s with a context, in place of futures.
//! - [`AllocateError`]: why a request failed. [`Waiting`]: why a request still waits.
#![cfg_attr(
    feature = "tls",
    doc = "- [`Tls`]: settings of encrypted connections, such as those of `https` and `wss`."
)]
//! - [`Connector`] and [`Connection`]: how to manage connections of your own kind.
//! - [`NetConnector`]: the default connector, which also resolves names. [`Resolve`]: a resolver of
//!   your own. [`PathEvent`]: one step of an attempt, reported to an observer.
//!
//! # Features
//!
//! - `hickory-dns`: `HickoryResolver`, a resolver that queries DNS servers itself.
//! - `proxy`, on by default: `NetConnector::proxy`, connections through HTTP and SOCKS 5 proxies.
//! - `tls`, on by default: TLS with rustls. Without it, a request for `https` or `wss` fails with
//!   an error of function `tls`; no connection falls back to clear text.
//!
//! # Platforms
//!
//! The crate is developed and tested on Linux, and compiles for macOS and Windows.
//!
//! - Windows has no Unix sockets: a request for a path fails with an error of function `connect`,
//!   and `NetStream` lacks the method `as_unix`.
//! - The options `user_timeout`, `interface` and `mark` of [`TcpOptions`] need Linux.
//! - The numbers of errors are those of the system: `ETIMEDOUT` is `WSAETIMEDOUT` on Windows.

mod api;
mod connect;
mod driver;
#[cfg(all(test, keepalive_loom))]
mod models;
mod runtime;
mod sync;

pub use api::address::Address;
#[doc(hidden)]
pub use api::authority;
pub use api::builder::ManagerBuilder;
pub use api::error::{AllocateError, ErrorKind};
pub use api::host::Host;
pub use api::lease::{Lease, Pending};
pub use api::mailbox::{Mailbox, MailboxClosed, Response, Responses, mailbox};
pub use api::manager::Manager;
pub use api::request::{Request, RequestError};
pub use api::shutdown::Shutdown;
pub use api::stats::{HostStats, LeaseInfo, Stats};
pub use connect::net::NetConnector;
pub use connect::observe::{Origin, PathEvent};
#[doc(hidden)]
pub use connect::platform::errno;
#[cfg(feature = "hickory-dns")]
pub use connect::resolve::hickory::HickoryResolver;
pub use connect::resolve::system::SystemResolver;
pub use connect::resolve::{Addresses, Families, Resolve, ResolveError};
pub use connect::stream::NetStream;
#[doc(hidden)]
pub use connect::system_text;
#[cfg(feature = "tls")]
pub use connect::tls::{Tls, TlsBuilder, TlsConfigError, TlsInfo};
pub use connect::{
    Attempt, ConnectError, Connection, Connector, Forwarder, Phase, TcpOptions, Unusable,
};
#[cfg(feature = "proxy")]
pub use connect::{Proxies, Proxy, ProxyError};
pub use keepalive_engine::{
    ConfigError, Counts, FromCache, IdleOrder, Reason, RequestId, Timing, Waiting, WaitingTime,
};
#[cfg(any(keepalive_loom, keepalive_shuttle))]
#[doc(hidden)]
pub use runtime::simulated;
/// The version of rustls that [`Tls::from_rustls`] takes.
#[cfg(feature = "tls")]
pub use rustls;
