//! The two traits of a transport: how to open, watch and close its connections.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::api::host::Host;

use crate::connect::bind::BindAddresses;

pub use crate::connect::error::{ConnectError, system_text};
pub use crate::connect::forward::Forwarder;
pub use crate::connect::options::TcpOptions;
#[cfg(feature = "proxy")]
pub use crate::connect::proxy::{Proxies, Proxy, ProxyError};
pub use keepalive_engine::Phase;

pub(crate) mod bind;
mod dial;
mod error;
pub(crate) mod forward;
pub(crate) mod net;
pub(crate) mod observe;
mod options;
pub(crate) mod platform;
#[cfg(feature = "proxy")]
mod proxy;
pub(crate) mod resolve;
mod scheme;
mod socket;
pub(crate) mod stream;
#[cfg(feature = "tls")]
pub(crate) mod tls;

/// Opens connections of one kind.
///
/// A connector reports its progress by [`Attempt::enter`]. Until its first report, an attempt
/// counts as being in [`Phase::Resolve`], and ends with its request.
///
/// A manager calls [`connect`](Self::connect) when a request needs a new connection, and drops the
/// returned future when no request needs it any more. Dropping the future must close everything
/// that it holds, because its permit under the limits is free from then on.
///
/// # Cancel safety
///
/// `connect` must tolerate being dropped at every await point.
pub trait Connector: Send + Sync + 'static {
    /// The connections that this connector opens.
    type Connection: Connection;

    /// Opens a connection to [`Attempt::host`].
    ///
    /// The manager enforces the deadline of the request; a connector needs no timer of its own.
    ///
    /// # Errors
    ///
    /// The error names the function that failed (`"resolve"`, `"bind"`, `"connect"`...);
    /// [`AllocateError::function`](crate::AllocateError::function) returns it.
    fn connect(
        &self,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<Self::Connection, ConnectError>> + Send;

    /// Whether connections to `host` are known to carry several leases, before one is open.
    ///
    /// If so, the first requests for the host wait for one connection, instead of opening one each.
    /// The manager asks when it first meets the host, or meets it again after forgetting it. From
    /// then on the opened connections decide: a host shares if the last one opened gave a handle by
    /// [`Connection::share`]. A wrong answer costs only time. The default is no.
    ///
    /// The manager calls it with a lock held: it must be quick, and must not call the manager.
    fn shares(&self, host: &Host) -> bool {
        let _ = host;
        false
    }

    /// The proxy that forwards HTTP requests to `host`, if one does. HTTP clients call this before
    /// they request a connection.
    ///
    /// A connection to `host` itself still leads to the host, through a tunnel if necessary. The
    /// default is none.
    fn forwarder(&self, host: &Host) -> Option<Forwarder> {
        let _ = host;
        None
    }
}

/// One open connection, as its manager sees it.
///
/// The methods may be called with a lock of the manager held: they must be quick, must not block
/// and must not call the manager. A panic of one counts as a failure of the connection.
pub trait Connection: Send + 'static {
    /// Watches an idle connection: ready as soon as it cannot be reused.
    ///
    /// That is when the peer has closed it, when it has failed, or when an unrequested byte has
    /// arrived. While this is pending, such an event must wake the waker of `cx`; other wakes are
    /// allowed.
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable>;

    /// Watches, for a protocol that reads from this connection itself, whether the name of the
    /// connection has lost its address. The connection must then not be reused, although its peer
    /// did nothing.
    ///
    /// It is the part of [`poll_unusable`](Self::poll_unusable) that ignores readable data, so it
    /// takes no wake from a reader. The manager does not call it; a wrapper that watches a
    /// connection in its own way must call it too. The default is never ready.
    fn poll_retired(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        let _ = cx;
        Poll::Pending
    }

    /// Checks with the operating system whether the connection can be used now.
    ///
    /// Called when a user takes the connection, if the connection was last looked at more than a
    /// millisecond ago or its watcher was woken. Also called to obtain the error of a connection
    /// that is not handed out. A new connection, and one that carries other leases, is checked only
    /// after a wake.
    ///
    /// # Errors
    ///
    /// The reason why the connection must be closed instead.
    fn check(&mut self) -> Result<(), Unusable>;

    /// How many leases the connection can carry at once: 1 for a socket.
    ///
    /// Called when the connection is new, each time a lease comes back, and each time
    /// [`poll_unusable`](Self::poll_unusable) is pending after a wake. More than 1 needs
    /// [`share`](Self::share); the maximum is 65,535, and larger values count as that.
    ///
    /// The manager fills connections with handles one after the other. While a request waits, it
    /// opens a further connection to their host only when all of them are full, and one at a time.
    /// With 0 the connection takes no lease at present, and its capacity is provisional (see
    /// [`is_provisional`](Self::is_provisional)). A new connection always carries the request that
    /// it was opened for. A connection without handles always carries one lease.
    fn capacity(&self) -> usize {
        1
    }

    /// Whether [`capacity`](Self::capacity) is an estimate, until the peer announces how many
    /// leases it allows.
    ///
    /// Called together with `capacity`. While it is true, the manager opens no other connection to
    /// the host. A request that finds this one full waits for the peer's announcement, within its
    /// deadline. So it must become false in time, or the connection must end. When it becomes
    /// false, the waker of [`poll_unusable`](Self::poll_unusable) must be woken. The default is
    /// false.
    fn is_provisional(&self) -> bool {
        false
    }

    /// Another handle on the same connection, for connections that carry several leases.
    ///
    /// `None`, the default, means that the connection has one user at a time. After earlier
    /// handles, `None` means that the connection can no longer be used.
    ///
    /// The manager may drop a handle with a lock held.
    ///
    /// Dropping or closing a lease, instead of freeing it, retires the whole connection: it takes
    /// no further lease, and closes when the others are back.
    fn share(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// The application protocol negotiated with the peer when the connection was opened, as TLS
    /// does with ALPN (RFC 7301).
    ///
    /// For users of the connection that support several protocols. The default is none.
    fn protocol(&self) -> Option<&[u8]> {
        None
    }

    /// The application protocols offered to the peer when the connection was opened, the preferred
    /// one first. If there are any and [`protocol`](Self::protocol) is none, the peer has chosen
    /// none of them.
    ///
    /// A user of the connection can so distinguish a peer that refused the protocols from one that
    /// received no offer. The default is none: nothing was offered.
    fn offered_protocols(&self) -> &[Vec<u8>] {
        &[]
    }

    /// Closes the connection in an orderly way. The manager drops the connection once this is
    /// ready.
    ///
    /// The permit under the limits is free when the connection has been dropped. An implementation
    /// that gives its socket to a task must therefore be pending until the task has released it.
    /// The manager waits for at most `close_timeout`; then it drops the connection.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }
}

/// Why a connection cannot be reused.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unusable {
    /// The peer has closed it.
    Closed,
    /// Unrequested bytes have arrived.
    UnexpectedData,
    /// It has failed.
    Failed(io::Error),
    /// The name that it was opened for has lost the address that it goes to.
    AddressGone,
    /// Its peer has announced that it no longer keeps the connection.
    Expired,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the peer closed the connection"),
            Self::UnexpectedData => f.write_str("the peer sent data that nobody asked for"),
            Self::Failed(error) => write!(f, "the connection failed: {error}"),
            Self::AddressGone => f.write_str("the name has lost the address of the connection"),
            Self::Expired => f.write_str("the peer keeps the connection no longer"),
        }
    }
}

/// One attempt to open a connection: its host, and the receiver of its progress.
pub struct Attempt {
    host: Host,
    bind_addresses: BindAddresses,
    protocols: &'static [&'static [u8]],
    steps: Arc<dyn Steps>,
}

/// Receives the progress of an attempt.
pub(crate) trait Steps: Send + Sync {
    fn enter(&self, phase: Phase);
}

impl Attempt {
    pub(crate) fn new(host: Host, bind_addresses: BindAddresses, steps: Arc<dyn Steps>) -> Self {
        Self {
            host,
            bind_addresses,
            protocols: &[],
            steps,
        }
    }

    /// The same attempt, with these application protocols to offer to the peer, the preferred one
    /// first.
    ///
    /// [`NetConnector`](crate::NetConnector) offers them by ALPN on encrypted connections, unless
    /// its TLS settings name others. [`Connection::protocol`] returns the chosen one.
    #[must_use]
    pub fn offering(&self, protocols: &'static [&'static [u8]]) -> Self {
        Self {
            host: self.host.clone(),
            bind_addresses: self.bind_addresses,
            protocols,
            steps: Arc::clone(&self.steps),
        }
    }

    /// The application protocols to offer; none unless [`offering`](Self::offering) named some.
    pub fn protocols(&self) -> &'static [&'static [u8]] {
        self.protocols
    }

    /// The host to connect to.
    pub fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn into_host(self) -> Host {
        self.host
    }

    /// The local address to connect to `peer` from, if one is set for its family.
    ///
    /// # Errors
    ///
    /// Of function `bind`, if a local address is set for the other family only.
    pub fn bind_address_for(&self, peer: IpAddr) -> Result<Option<IpAddr>, ConnectError> {
        self.bind_addresses.for_peer(peer)
    }

    /// Reports that `phase` begins now; the phases in timeouts and timings depend on it.
    pub fn enter(&self, phase: Phase) {
        self.steps.enter(phase);
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("host", &self.host)
            .field("bind_addresses", &self.bind_addresses)
            .finish_non_exhaustive()
    }
}
