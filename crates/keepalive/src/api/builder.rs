//! Settings of a manager.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use keepalive_engine::{Config, ConfigError, IdleOrder, Settings};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::api::host::Host;
use crate::api::manager::Manager;
use crate::connect::Connector;
use crate::connect::bind::BindAddresses;
use crate::connect::net::NetConnector;
#[cfg(feature = "tls")]
use crate::connect::tls::Tls;
use crate::driver::Driver;
use crate::runtime::HashKey;

/// Number of shards of a manager, large enough that two threads rarely meet in one shard on common
/// machines. Where schedules are explored, it is the smallest number at which a host can be alone
/// in a shard.
const SHARDS: u16 = if EXPLORED { 2 } else { 16 };
const EXPLORED: bool = cfg!(any(keepalive_loom, keepalive_shuttle));

/// Builds a [`Manager`]. Every setting is optional.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use keepalive::Manager;
///
/// let manager = Manager::builder()
///     .max_per_host(8)
///     .max_open(1000)
///     .keep_alive(Duration::from_secs(30))
///     .build()?;
/// # Ok::<(), keepalive::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ManagerBuilder<C = NetConnector> {
    settings: Settings,
    /// Limits of the hosts that have their own.
    limits: HashMap<Host, usize>,
    bind_addresses: BindAddresses,
    connector: C,
}

impl ManagerBuilder<NetConnector> {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings {
                seed: HashKey::default().hash_one(0),
                shards: SHARDS,
                ..Settings::default()
            },
            limits: HashMap::new(),
            bind_addresses: BindAddresses::default(),
            connector: NetConnector::new(),
        }
    }

    /// Registers `connector` for `scheme`, in place of plain TCP.
    ///
    /// Case does not matter. The last connector registered for a scheme applies; it may also
    /// replace the built-in `unix`, `https` and `wss`. Its connections have one user at a time,
    /// whatever their [`capacity`](crate::Connection::capacity). The example `redis` registers a
    /// connector that authenticates each new connection.
    pub fn scheme<D>(mut self, scheme: &str, connector: D) -> Self
    where
        D: Connector,
        D::Connection: AsyncRead + AsyncWrite + Unpin,
    {
        self.connector = self.connector.scheme(scheme, connector);
        self
    }

    /// The TLS settings of `https` and `wss`.
    ///
    /// Default [`Tls::new`], created on first use: the platform's verifier and roots.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.connector = self.connector.tls(tls);
        self
    }

    /// Connects to the hosts of `scheme` by TLS, with these settings.
    ///
    /// Case does not matter. As with [`scheme`](Self::scheme), the last call for a scheme applies.
    #[cfg(feature = "tls")]
    pub fn tls_scheme(mut self, scheme: &str, tls: Tls) -> Self {
        self.connector = self.connector.tls_scheme(scheme, tls);
        self
    }
}

impl<C> ManagerBuilder<C> {
    /// Maximum number of connections per host: connecting, in use, idle and closing together.
    ///
    /// Default 4, at least 1. With 1, the requests of a host take turns. A peer may take a very
    /// large number for an attack.
    pub fn max_per_host(mut self, connections: usize) -> Self {
        self.settings.max_per_host = connections;
        self
    }

    /// Maximum number of connections to `host`, in place of [`max_per_host`](Self::max_per_host);
    /// it may be lower or higher.
    ///
    /// At least 1. The last limit set for a host applies. A host with a partition, or with TLS
    /// settings of its own, is a host of its own. A manager keeps the record and the figures of
    /// every host that has its own limit for the manager's whole life.
    ///
    /// # Examples
    ///
    /// ```
    /// use keepalive::{Manager, Request};
    ///
    /// let shy = Request::new("https", "example.com", 443)?;
    /// let manager = Manager::builder()
    ///     .max_per_host(16)
    ///     .max_per_host_of(shy.host(), 2)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_per_host_of(mut self, host: &Host, connections: usize) -> Self {
        self.limits.insert(host.clone(), connections);
        self
    }

    /// Maximum number of connections to all hosts.
    ///
    /// Default 128, at least 1. At the limit, the manager closes an idle connection of another host
    /// to make room. With a limit that is too low, connections are closed and opened instead of
    /// being reused. If the process has fewer file descriptors than this, attempts wait for a free
    /// one.
    pub fn max_open(mut self, connections: usize) -> Self {
        self.settings.max_open = connections;
        self
    }

    /// Maximum number of requests that wait without an attempt of their own. Further requests fail
    /// at once with [`ErrorKind::QueueFull`](crate::ErrorKind::QueueFull).
    ///
    /// Default unlimited, at least 1.
    pub fn max_queued(mut self, requests: usize) -> Self {
        self.settings.max_queued = Some(requests);
        self
    }

    /// Maximum number of attempts to open a connection that are in flight at once.
    ///
    /// A cancelled attempt counts until its resources are released. Default unlimited, at least 1.
    /// With a low limit, one peer that does not answer can delay the requests to others.
    pub fn max_connecting(mut self, attempts: usize) -> Self {
        self.settings.max_connecting = Some(attempts);
        self
    }

    /// How long an idle connection is kept.
    ///
    /// Default 15 s. Zero: no connection is reused. If the peer keeps connections for a shorter
    /// time, it closes first. The manager notices that, but a request sent in the same instant
    /// fails.
    pub fn keep_alive(mut self, time: Duration) -> Self {
        self.settings.keep_alive = time;
        self
    }

    /// Time from a request to its answer, unless the request sets its own: waiting, name resolution
    /// and connecting together.
    ///
    /// Default 120 s, longer than zero.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// Maximum duration of an orderly close, after which the connection is dropped.
    ///
    /// Default 5 s, longer than zero. Plain sockets close at once. TLS sends `close_notify`, which
    /// takes time only if the peer does not read.
    pub fn close_timeout(mut self, time: Duration) -> Self {
        self.settings.close_timeout = time;
        self
    }

    /// Maximum age of a connection, beyond which it is not reused.
    ///
    /// Default none, longer than zero. A connection in use is closed when it comes back.
    pub fn max_lifetime(mut self, time: Duration) -> Self {
        self.settings.max_lifetime = Some(time);
        self
    }

    /// Maximum share of `max_lifetime` that is cut off the lifetime of a connection at random.
    ///
    /// The share is drawn once per connection, so that connections opened together do not end
    /// together.
    ///
    /// Default 0.1, from 0 to 1; 0 means that every lifetime is `max_lifetime`.
    pub fn lifetime_jitter(mut self, share: f64) -> Self {
        self.settings.lifetime_jitter = share;
        self
    }

    /// Maximum number of leases of one connection, after which it is closed.
    ///
    /// Default unlimited, at least 1. With 1, no connection is reused.
    pub fn max_uses(mut self, leases: u64) -> Self {
        self.settings.max_uses = Some(leases);
        self
    }

    /// Which idle connection of a host is handed out first. Default [`IdleOrder::Lifo`].
    pub fn idle_order(mut self, order: IdleOrder) -> Self {
        self.settings.idle_order = order;
        self
    }

    /// How many waiters of its own host one connection may serve in succession while an earlier
    /// request of another host waits for room under `max_open`.
    ///
    /// Default 16. Zero means strict order of arrival: a connection is then closed rather than
    /// serve a later request. In all, at most `max_reuse_streak * max_open` later requests overtake a
    /// request that waits for room. Overtakes that do not delay it are not counted: while enough
    /// connections are being closed for it, other connections continue to serve their hosts.
    pub fn max_reuse_streak(mut self, waiters: u32) -> Self {
        self.settings.max_reuse_streak = waiters;
        self
    }

    /// Whether an attempt to connect continues after its request has been withdrawn, has timed out
    /// or was served by another connection. Default yes: the connection is kept for the next
    /// request.
    ///
    /// So a host can be served even if connecting to it takes longer than its requests wait. At
    /// most four such attempts per host continue, each for `timeout` or two minutes, whichever is
    /// less. The manager cancels one at once when a waiting request could use its slot, or its
    /// place under `max_connecting`. It also cancels such an attempt while it resolves a name or
    /// waits for a file descriptor. The same applies if the connector has not reported a phase
    /// ([`Attempt::enter`](crate::Attempt::enter)). With no, every attempt without a request is
    /// cancelled.
    pub fn keep_unneeded_attempts(mut self, finish: bool) -> Self {
        self.settings.keep_unneeded_attempts = finish;
        self
    }

    /// The local address to connect from. Default none: the system chooses.
    ///
    /// The address applies to hosts of its own family. Addresses of the other family are not used,
    /// unless another call sets a local address of that family too. A request for a host without a
    /// usable address fails with an error of function `bind`.
    pub fn bind_address(mut self, address: IpAddr) -> Self {
        self.bind_addresses.set(address);
        self
    }

    /// Opens all connections with `connector`, in place of [`NetConnector`].
    pub fn connector<D: Connector>(self, connector: D) -> ManagerBuilder<D> {
        ManagerBuilder {
            settings: self.settings,
            limits: self.limits,
            bind_addresses: self.bind_addresses,
            connector,
        }
    }
}

impl<C: Connector> ManagerBuilder<C> {
    /// Builds the manager. It needs no runtime yet.
    ///
    /// # Errors
    ///
    /// The first invalid setting, with its value and the allowed range.
    pub fn build(self) -> Result<Manager<C>, ConfigError> {
        for &connections in self.limits.values() {
            Config::check_host_limit(connections)?;
        }
        let config = Config::try_from(self.settings)?;
        let driver = Driver::new(&config, self.connector, self.bind_addresses);
        for (host, connections) in self.limits {
            driver.limit_host(&host, connections);
        }
        Ok(Manager::from_driver(driver))
    }
}

impl<C> fmt::Debug for ManagerBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagerBuilder")
            .field("settings", &self.settings)
            .field("bind_addresses", &self.bind_addresses)
            .finish_non_exhaustive()
    }
}
