//! How connections are opened, watched and closed: the two traits a transport implements.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::host::Host;

use crate::connect::bind::BindAddresses;

pub use crate::connect::error::ConnectError;
pub(crate) use crate::connect::error::system_text;
pub use crate::connect::forward::Forwarder;
pub use crate::connect::options::TcpOptions;
#[cfg(feature = "proxy")]
pub use crate::connect::proxy::{Proxies, Proxy, ProxyError};
pub use keepalive_engine::Phase;

pub(crate) mod bind;
mod dial;
mod error;
pub(crate) mod forward;
mod limit;
pub(crate) mod net;
pub(crate) mod observe;
mod options;
#[cfg(feature = "proxy")]
mod proxy;
pub(crate) mod resolve;
mod route;
mod scheme;
mod socket;
pub(crate) mod stream;
mod tcp;
#[cfg(feature = "tls")]
pub(crate) mod tls;
mod unix;
pub(crate) mod wire;

/// Opens connections of one kind.
///
/// A connector says where it is by [`Attempt::enter`]; until it does, an attempt counts as being
/// in [`Phase::Resolve`], and ends with its request.
///
/// A manager asks its connector for a connection when a request needs a new one, and drops the
/// returned future when nobody needs it any more. Whatever the future holds must be closed when
/// it is dropped: its slot under the limits is free from then on.
///
/// # Cancel safety
///
/// `connect` must tolerate being dropped at every await point.
pub trait Connector: Send + Sync + 'static {
    /// What this connector opens.
    type Connection: Connection;

    /// Opens a connection to [`Attempt::host`].
    ///
    /// The deadline of the request is kept by the manager; a connector needs no timer of its own.
    ///
    /// # Errors
    ///
    /// The error names the function that failed (`"resolve"`, `"bind"`, `"connect"`...), which is
    /// what [`AllocateError::function`](crate::AllocateError::function) will answer.
    fn connect(
        &self,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<Self::Connection, ConnectError>> + Send;

    /// Whether connections to `host` are known to carry several leases, before one is open.
    ///
    /// If so, the first requests for it do not open one connection each, but wait for one. Asked
    /// when the manager meets the host for the first time, or again after it has forgotten it; from
    /// then on the manager goes by the connections that are opened: a host shares if the last of
    /// them gave a handle by [`Connection::share`]. If the answer was wrong, nothing is lost but
    /// that time. The default is no.
    ///
    /// It is called with a lock of the manager held: it must be quick, and must not call the
    /// manager.
    fn shares(&self, host: &Host) -> bool {
        let _ = host;
        false
    }

    /// The proxy to which requests of HTTP to `host` are given, if they are forwarded: for clients
    /// of HTTP, which ask before they ask for a connection.
    ///
    /// Whoever asks the manager for a connection to `host` itself has one that leads there, if
    /// need be through a tunnel. The default is none.
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
    /// Watches a connection that is idle: ready as soon as it can not be reused.
    ///
    /// That is when the peer has closed it, when it has failed, or when a byte has arrived that
    /// nobody asked for. While it is pending, the waker of `cx` must be woken on such an event,
    /// and may be woken at other times.
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable>;

    /// Watches, for a protocol that reads from this connection itself, whether it must not be
    /// reused although its peer did nothing: its name has lost the address that it goes to.
    ///
    /// It is the part of [`poll_unusable`](Self::poll_unusable) that takes no notice of what can
    /// be read, so it keeps no reader from being woken. The manager does not call it; whoever
    /// wraps a connection and watches it in another way asks it too. The default is never ready.
    fn poll_retired(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        let _ = cx;
        Poll::Pending
    }

    /// Asks the operating system whether the connection can be used now.
    ///
    /// Called when a user takes the connection, if it has been back or idle for more than a
    /// millisecond or its watcher was woken; and for the reason, of one that is not handed out. A new
    /// connection, and one that carries other leases, is asked only after a wake.
    ///
    /// # Errors
    ///
    /// Why the connection must be closed instead.
    fn check(&mut self) -> Result<(), Unusable>;

    /// How many leases the connection can carry at once: 1 for a socket.
    ///
    /// Asked when the connection is new, and again each time a lease comes back and each time
    /// [`poll_unusable`](Self::poll_unusable) is pending after a wake. More than 1 needs
    /// [`share`](Self::share), and more than 65,535 count as that.
    ///
    /// Connections with handles are filled one after the other: while a request waits, the manager
    /// opens a further one to their host only when those that it has are full, and one at a time.
    /// 0 says that the connection takes none at present, and is provisional (see
    /// [`is_provisional`](Self::is_provisional)). One that is new carries the request that it was
    /// opened for, whatever it says. Without handles a connection carries one lease, whatever it
    /// says.
    fn capacity(&self) -> usize {
        1
    }

    /// Whether [`capacity`](Self::capacity) is what can be ventured, until the peer says how many
    /// leases it allows.
    ///
    /// Asked when `capacity` is. Until it is false, and the waker of
    /// [`poll_unusable`](Self::poll_unusable) must be woken when it becomes so, nobody opens another
    /// connection to the host beside this one: who finds it full waits for the peer's word, within
    /// its deadline. So it must become false in time, or the connection must end. The default is
    /// false.
    fn is_provisional(&self) -> bool {
        false
    }

    /// Another handle on the same connection, for connections that carry several leases.
    ///
    /// `None`, the default, means that the connection has one user at a time; if it has given
    /// handles before, `None` means that it is of no further use.
    ///
    /// A handle may be dropped with a lock of the manager held, too.
    ///
    /// A lease that is dropped or closed, not freed, retires the whole connection: it takes no
    /// further lease, and is closed when the others are back.
    fn share(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// The application protocol that was agreed on with the peer when the connection was opened, as
    /// TLS does with ALPN (RFC 7301).
    ///
    /// For a protocol that speaks over this connection and comes in several forms. The default is
    /// none.
    fn protocol(&self) -> Option<&[u8]> {
        None
    }

    /// The application protocols that the peer was offered when the connection was opened, the
    /// preferred one first. If there are any and [`protocol`](Self::protocol) is none, the peer has
    /// taken none of them.
    ///
    /// Whoever speaks over this connection tells by it a peer that does not speak what is wanted
    /// from one that nobody asked. The default is none: the peer was not asked.
    fn offered_protocols(&self) -> &[Vec<u8>] {
        &[]
    }

    /// Closes the connection in an orderly way; it is dropped when this is ready.
    ///
    /// The slot under the limits is free when the connection has been dropped, so an
    /// implementation that hands its socket to a task must be pending until the task has let go
    /// of it. Takes at most `close_timeout`; then it is dropped all the same.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }
}

/// Why a connection can not be reused.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unusable {
    /// The peer has closed it.
    Closed,
    /// Bytes arrived that nobody asked for.
    UnexpectedData,
    /// It has failed.
    Failed(io::Error),
    /// The name that it was opened for has lost the address that it goes to.
    AddressGone,
    /// Its peer has said that it keeps it no longer.
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

/// One try to open a connection: what to open, and where to report progress.
pub struct Attempt {
    host: Host,
    bind_addresses: BindAddresses,
    protocols: &'static [&'static [u8]],
    steps: Arc<dyn Steps>,
}

/// Who is told of an attempt's progress.
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

    /// The same attempt, for a connector that is to offer these application protocols to the peer,
    /// the preferred one first.
    ///
    /// [`Net`](crate::Net) offers them by ALPN where it encrypts, unless its TLS settings name
    /// others. Which one was taken is in [`Connection::protocol`].
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

    /// Where to connect to.
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

    pub(crate) fn bind_addresses(&self) -> BindAddresses {
        self.bind_addresses
    }

    /// Says that `phase` begins now; timeouts and timings go by it.
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
