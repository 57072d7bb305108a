//! Settings of a manager.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use keepalive_engine::{Config, ConfigError, IdleOrder, Settings};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connect::Connector;
use crate::connect::bind::BindAddresses;
use crate::connect::net::Net;
#[cfg(feature = "tls")]
use crate::connect::tls::Tls;
use crate::driver::Driver;
use crate::host::Host;
use crate::manager::Manager;
use crate::random::HashKey;

/// How many shards a manager has: enough for two threads to meet rarely on common machines, or,
/// where schedules are explored, no more than it takes for a host to be alone in one.
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
pub struct Builder<C = Net> {
    settings: Settings,
    /// Of hosts that have a limit of their own.
    limits: HashMap<Host, usize>,
    bind_addresses: BindAddresses,
    connector: C,
}

impl Builder<Net> {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings {
                seed: HashKey::default().hash_one(0),
                shards: SHARDS,
                ..Settings::default()
            },
            limits: HashMap::new(),
            bind_addresses: BindAddresses::default(),
            connector: Net::new(),
        }
    }

    /// Has `connector` open the connections of `scheme`, in place of plain TCP.
    ///
    /// Case does not matter. The last connector registered for a scheme counts, and it may
    /// replace the built-in `unix`, `https` and `wss` too. Its connections have one user at a
    /// time, whatever their [`capacity`](crate::Connection::capacity). The example `redis` registers
    /// one that says who it is before a connection is used.
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
    /// Default [`Tls::new`], made when they are first needed: the platform's verifier and roots.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.connector = self.connector.tls(tls);
        self
    }

    /// Reaches the hosts of `scheme` by TLS, with these settings.
    ///
    /// Case does not matter. As with [`scheme`](Self::scheme), what was said last of a scheme
    /// counts.
    #[cfg(feature = "tls")]
    pub fn tls_scheme(mut self, scheme: &str, tls: Tls) -> Self {
        self.connector = self.connector.tls_scheme(scheme, tls);
        self
    }
}

impl<C> Builder<C> {
    /// Connections per host at once: connecting, in use, idle and closing together.
    ///
    /// Default 4, at least 1. One makes the requests of a host take turns; very many may be taken
    /// for an attack by the peer.
    pub fn max_per_host(mut self, connections: usize) -> Self {
        self.settings.max_per_host = connections;
        self
    }

    /// Connections of this host at once, in place of [`max_per_host`](Self::max_per_host), fewer or
    /// more; what is said last of a host counts.
    ///
    /// At least 1. A host of a partition, or with TLS settings of its own, is another host. A manager
    /// remembers each host that has a limit of its own, with its figures, as long as it lives.
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

    /// Connections of all hosts at once.
    ///
    /// Default 128, at least 1. When it is reached, an idle connection of another host is closed
    /// to make room; with too few, connections are closed and opened instead of being reused.
    /// With more than the process may have descriptors, attempts wait until there is one.
    pub fn max_open(mut self, connections: usize) -> Self {
        self.settings.max_open = connections;
        self
    }

    /// Requests that wait without an attempt of their own; beyond it, requests are answered
    /// [`ErrorKind::QueueFull`](crate::ErrorKind::QueueFull) at once.
    ///
    /// Default unlimited, at least 1.
    pub fn max_queued(mut self, requests: usize) -> Self {
        self.settings.max_queued = Some(requests);
        self
    }

    /// Attempts to open a connection that are in flight at once.
    ///
    /// One that is withdrawn counts until nothing of it is left. Default unlimited, at least 1. Too
    /// few let one peer that does not answer hold up others.
    pub fn max_connecting(mut self, attempts: usize) -> Self {
        self.settings.max_connecting = Some(attempts);
        self
    }

    /// How long an idle connection is kept.
    ///
    /// Default 15 s. Zero: no connection is used twice. Longer than the peer keeps it: the peer
    /// closes first, which is noticed, but costs a request that is sent in the same instant.
    pub fn keep_alive(mut self, time: Duration) -> Self {
        self.settings.keep_alive = time;
        self
    }

    /// Time from a request to its answer, if the request sets none: waiting, name resolution and
    /// connecting together.
    ///
    /// Default 120 s, longer than zero.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// How long an orderly close may take; then the connection is dropped.
    ///
    /// Default 5 s, longer than zero. Plain sockets close at once; TLS
    /// says that it ends (`close_notify`), which takes time only if the peer does not read.
    pub fn close_timeout(mut self, time: Duration) -> Self {
        self.settings.close_timeout = time;
        self
    }

    /// Age at which a connection is not used again.
    ///
    /// Default none, longer than zero. A connection in use is closed when it comes back.
    pub fn max_lifetime(mut self, time: Duration) -> Self {
        self.settings.max_lifetime = Some(time);
        self
    }

    /// Share of `max_lifetime` by which each connection's own is shortened at random, drawn once,
    /// so that connections opened together do not end together.
    ///
    /// Default 0.1, from 0 to 1.
    pub fn lifetime_jitter(mut self, share: f64) -> Self {
        self.settings.lifetime_jitter = share;
        self
    }

    /// Leases after which a connection is closed.
    ///
    /// Default unlimited, at least 1; 1 means that no connection is used twice.
    pub fn max_uses(mut self, leases: u64) -> Self {
        self.settings.max_uses = Some(leases);
        self
    }

    /// Which idle connection of a host is handed out first. Default [`IdleOrder::Lifo`].
    pub fn idle_order(mut self, order: IdleOrder) -> Self {
        self.settings.idle_order = order;
        self
    }

    /// How many waiters of its own host one connection may serve while an earlier request of
    /// another host waits for room under `max_open`.
    ///
    /// Default 16. Zero is strict order of arrival: a connection then closes rather than serve a
    /// later request. In all, a request that waits for room is overtaken at most
    /// `reuse_run * max_open` times, not counting what it could not have had anyway: while enough
    /// connections are being closed for it, others go on.
    pub fn reuse_run(mut self, waiters: u32) -> Self {
        self.settings.reuse_run = waiters;
        self
    }

    /// Whether an attempt to connect goes on when its request has gone, because it was withdrawn, out
    /// of time or served by another connection. Default yes: the connection is kept for the next
    /// request.
    ///
    /// So a host that takes longer to connect to than requests wait is served all the same. Of one
    /// host four such attempts go on at most, each for `timeout` or two minutes, whichever is less.
    /// Whenever the room of one, or its place under `max_connecting`, could be of use to a request
    /// that waits, it is cancelled at once. So is one that still looks a name up, or waits for a file
    /// descriptor, and one whose connector has not said where it is
    /// ([`Attempt::enter`](crate::Attempt::enter)). With no, an attempt that nobody waits for is
    /// cancelled always.
    pub fn finish_attempts(mut self, finish: bool) -> Self {
        self.settings.finish_attempts = finish;
        self
    }

    /// The local address to connect from. Default none: the system chooses.
    ///
    /// It is for hosts of its own family. Of the other family none is connected to, unless it is
    /// given an address, too, by another call; a host that has no other address is answered with
    /// an error of function `bind`.
    pub fn bind_address(mut self, address: IpAddr) -> Self {
        self.bind_addresses.set(address);
        self
    }

    /// Has `connector` open all connections, in place of [`Net`].
    pub fn connector<D: Connector>(self, connector: D) -> Builder<D> {
        Builder {
            settings: self.settings,
            limits: self.limits,
            bind_addresses: self.bind_addresses,
            connector,
        }
    }
}

impl<C: Connector> Builder<C> {
    /// Builds the manager. It needs no runtime yet.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work, with its value and what is allowed.
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

impl<C> fmt::Debug for Builder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("bind_addresses", &self.bind_addresses)
            .finish_non_exhaustive()
    }
}
