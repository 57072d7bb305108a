//! The default connector: tcp and unix sockets, and whatever is registered by scheme.

use std::collections::HashMap;
use std::fmt;
#[cfg(not(feature = "tls"))]
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::address::Address;
#[cfg(feature = "proxy")]
use crate::connect::forward::Forwarder;
use crate::connect::observe::{Observer, PathEvent};
use crate::connect::options::TcpOptions;
#[cfg(feature = "proxy")]
use crate::connect::proxy::{Proxies, Proxy};
use crate::connect::resolve::{Addresses, Families, Resolve, Resolver};
use crate::connect::route::{Reached, Route};
use crate::connect::scheme::AnyConnector;
use crate::connect::stream::{Kind, NetStream};
#[cfg(feature = "tls")]
use crate::connect::tls;
use crate::connect::{Attempt, ConnectError, Connector, limit, unix};
use crate::host::Host;
use crate::request::{Request, RequestError};
use crate::sync::Arc;

/// Opens connections by scheme: `unix` is a Unix socket, every other scheme plain TCP, unless a
/// connector is registered for it. `https`, `wss`, schemes given TLS settings and requests with
/// TLS settings of their own are TLS over TCP, with the feature `tls`; without it, `https` and
/// `wss` are answered with an error of function `tls`.
///
/// Names are resolved by the [system's resolver](crate::SystemResolver), unless
/// [another](Self::resolver) is set. All who ask for a name while it is being looked up share the
/// lookup, and what comes of it is kept for a [while](Self::keep_addresses): at least the last 512
/// names, each with at most 64 addresses. That a name has no address is kept for two seconds, and a
/// failure that may pass not at all. Clones share all of this; one that is set otherwise afterwards
/// has its own.
///
/// The addresses of a name are raced as RFC 8305 says ("Happy Eyeballs"): the one that worked last
/// goes first, the families take turns, the next address is tried when one has failed or not
/// answered for [`attempt_delay`](Self::attempt_delay), and the first connection that is there is
/// used. A race counts as one connection against the limits.
///
/// When a name is looked up again and an address is missing that it had, the connections to that
/// address are [retired](Self::retire_vanished).
#[derive(Clone, Default)]
pub struct Net {
    route: Route,
    connect_timeout: Option<Duration>,
    schemes: HashMap<String, Arc<dyn AnyConnector>>,
}

impl Net {
    /// The built-in schemes alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Options of the sockets that this opens by itself, not of those of registered connectors.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.route.options = options;
        self
    }

    /// How long opening a connection may take: resolving, connecting, a proxy and TLS together.
    ///
    /// Default none: only the manager's `timeout` bounds it, which waiting for a turn counts for too.
    /// An attempt that is too slow fails with the function of its phase and `ETIMEDOUT`. Zero lets
    /// nothing but a connection to this machine be opened, if that. It is not for registered
    /// connectors.
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = Some(time);
        self
    }

    /// How long an address of a name has to answer before the next is tried beside it. Default
    /// 250 ms, as RFC 8305 recommends; less than 10 ms counts as that.
    ///
    /// Too short, and servers see connections that are given up at once; too long, and a path that
    /// is dead delays everything.
    #[must_use]
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.route.pace.attempt_delay = delay;
        self
    }

    /// How long the IPv4 addresses of a name wait for its IPv6 addresses, where the resolver asks
    /// for both separately. Default 50 ms, as RFC 8305 recommends.
    #[must_use]
    pub fn resolution_delay(mut self, delay: Duration) -> Self {
        self.route.pace.resolution_delay = delay;
        self
    }

    /// Reaches all hosts by one proxy, or hosts by their proxies, as [`Proxies`] says. Default
    /// none.
    ///
    /// It is for what this opens by itself over TCP, TLS included, not for registered connectors.
    /// Connections of a host are shared among its requests; the proxy of a host never changes
    /// within one manager. A client of HTTP may have requests of scheme `http` forwarded, see
    /// [`Proxy`](crate::Proxy); whoever asks a manager for a connection has a tunnel.
    ///
    /// [`Proxies`]: crate::Proxies
    #[cfg(feature = "proxy")]
    #[must_use]
    pub fn proxy(mut self, proxies: impl Into<Proxies>) -> Self {
        self.route.proxies = proxies.into();
        let proxy = self.route.proxies.for_scheme("http");
        self.route.forwarder = proxy.and_then(Proxy::forwarder);
        self
    }

    /// Has `connector` open the connections of `scheme`, whose case does not matter.
    #[must_use]
    pub fn scheme<C>(mut self, scheme: &str, connector: C) -> Self
    where
        C: Connector,
        C::Connection: AsyncRead + AsyncWrite + Unpin,
    {
        self.schemes
            .insert(scheme.to_ascii_lowercase(), Arc::new(connector));
        #[cfg(feature = "tls")]
        self.route.tls.remove(scheme);
        self
    }

    /// The TLS settings of `https` and `wss`. Default [`Tls::new`](tls::Tls::new), made when they
    /// are first needed.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: tls::Tls) -> Self {
        self.route.tls.choose(tls);
        self
    }

    /// Reaches the hosts of `scheme`, whose case does not matter, by TLS with these settings.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_scheme(mut self, scheme: &str, tls: tls::Tls) -> Self {
        self.schemes.remove(&scheme.to_ascii_lowercase());
        self.route.tls.insert(scheme, tls);
        self
    }

    /// Has `resolver` look names up. Default [`SystemResolver`](crate::SystemResolver).
    #[must_use]
    pub fn resolver(self, resolver: impl Resolve) -> Self {
        self.set(|resolving| resolving.source(resolver))
    }

    /// Which addresses are connected to. Default both families.
    ///
    /// Of a name, only the addresses of these are looked up. A numeric address of the other family
    /// is answered with an error of function `connect`.
    #[must_use]
    pub fn families(self, families: Families) -> Self {
        self.set(|resolving| resolving.only(families))
    }

    /// Has `name` always stand for `addresses`, those to try first in front; it is never looked
    /// up.
    ///
    /// Case does not matter, nor does a trailing dot. The last that is set for a name counts. A
    /// name without addresses cannot be connected to. More than 64 are cut.
    ///
    /// # Errors
    ///
    /// `name` is not the name of a host: what it is, and what is allowed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    /// use keepalive::{Manager, Net};
    ///
    /// let net = Net::new().resolve("example.test", [IpAddr::V4(Ipv4Addr::LOCALHOST)])?;
    /// let manager = Manager::builder().connector(net).build()?;
    ///
    /// let error = Net::new().resolve("127.0.0.1", []).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "invalid name \"127.0.0.1\": it is a numeric address, which is not looked up"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resolve(
        self,
        name: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self, RequestError> {
        const NUMERIC: &str = "it is a numeric address, which is not looked up";
        // A name is what a request takes for one.
        let request = Request::new("tcp", name, 1)?;
        let Address::Name(known) = request.host().address() else {
            return Err(RequestError::new("name", format!("{name:?}"), NUMERIC));
        };
        let addresses = Addresses::new(addresses);
        Ok(self.set(|resolving| resolving.overriding(known, &addresses)))
    }

    /// How long the addresses of a name are kept if their resolver does not say.
    ///
    /// Default 30 s. A TTL counts instead, up to five minutes, or up to this if it is longer.
    /// Zero: nothing is kept, whatever its TTL, and each new connection has its name looked up.
    /// Very long: a name that has moved is connected to where it was.
    #[must_use]
    pub fn keep_addresses(self, time: Duration) -> Self {
        self.set(|resolving| resolving.keep(time))
    }

    /// Lookups at once, of all names; others wait in order of arrival.
    ///
    /// Default 16; zero counts as 1. Too few let a name whose servers do not answer hold up
    /// others; with too many, the system's resolver may take more threads than the runtime has
    /// for what blocks. A resolver that [is asked separately](Resolve::asks_separately) has two
    /// for each name.
    #[must_use]
    pub fn max_lookups(self, lookups: usize) -> Self {
        self.set(|resolving| resolving.at_once(lookups))
    }

    /// Whether a connection is retired when its name is looked up and has lost the address that
    /// it goes to: an idle one is closed at once, and one in use when it comes back.
    ///
    /// Default yes: traffic follows a name that moves. A name that is answered with a few of its
    /// many addresses in turn loses connections that were good, each time it is looked up; say no
    /// then. A lookup that fails retires nothing.
    #[must_use]
    pub fn retire_vanished(self, retire: bool) -> Self {
        self.set(|resolving| resolving.retires(retire))
    }

    /// Has `observer` told of each step on the way to a host, as it is taken: the addresses that
    /// are found, the connections that are begun, and what becomes of them.
    ///
    /// Default none. It is called within the attempt, so it must be quick and must not block; if it
    /// panics the attempt fails. It is told nothing of registered connectors and unix sockets. What
    /// the steps cost together is in [`Timing`](crate::Timing), and what TLS came to in
    /// [`NetStream::tls`].
    ///
    /// # Examples
    ///
    /// ```
    /// use keepalive::{Manager, Net, PathEvent};
    ///
    /// let net = Net::new().observe(|attempt, event| {
    ///     if let PathEvent::Failed(address, error) = event {
    ///         println!("{}: {address} is of no use: {error}", attempt.host());
    ///     }
    /// });
    /// let manager = Manager::builder().connector(net).build()?;
    /// # Ok::<(), keepalive::ConfigError>(())
    /// ```
    #[must_use]
    pub fn observe(
        mut self,
        observer: impl Fn(&Attempt, PathEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.route.observer = Observer::new(observer);
        self
    }

    fn set(mut self, change: impl FnOnce(&Resolver) -> Resolver) -> Self {
        self.route.resolver = Arc::new(change(&self.route.resolver));
        self
    }

    /// Whether connections to `host` are encrypted, by us.
    fn is_tls(&self, host: &Host) -> bool {
        #[cfg(feature = "tls")]
        return self.route.tls.serves(host);

        #[cfg(not(feature = "tls"))]
        matches!(host.scheme(), "https" | "wss")
    }

    async fn open(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        if self.is_tls(attempt.host()) {
            // Large, and every attempt would be.
            Box::pin(self.connect_tls(attempt)).await
        } else if attempt.host().scheme() == "unix" {
            let stream = unix::connect(attempt).await?;
            Ok(NetStream::new(Kind::Unix(stream), None))
        } else {
            let Reached { stream, residence } = self.route.connect(attempt).await?;
            Ok(NetStream::new(Kind::Wire(stream), residence))
        }
    }

    #[cfg(feature = "tls")]
    async fn connect_tls(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        let name = tls::server_name(attempt.host().address())?;
        let Reached { stream, residence } = self.route.connect(attempt).await?;
        let stream = self.route.tls.connect(attempt, name, stream).await;
        #[cfg(feature = "proxy")]
        let stream = match attempt.host().proxy() {
            Some(proxy) => stream.map_err(|error| error.on_the_way_to(format!("proxy {proxy}"))),
            None => stream,
        };
        let stream = stream?;
        Ok(NetStream::new(Kind::Tls(Box::new(stream)), residence))
    }

    #[cfg(not(feature = "tls"))]
    async fn connect_tls(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        attempt.enter(crate::connect::Phase::Tls);
        let scheme = attempt.host().scheme();
        let error = io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "TLS is not built in: the feature `tls` is off; register a connector for scheme \
                 {scheme} to use your own"
            ),
        );
        Err(ConnectError::new("tls", error))
    }
}

impl Connector for Net {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        let registered = self.schemes.get(attempt.host().scheme());
        #[cfg(feature = "proxy")]
        let registered = registered.filter(|_| attempt.host().proxy().is_none());
        if let Some(connector) = registered {
            let stream = connector.connect_any(attempt).await?;
            return Ok(NetStream::new(Kind::Other(stream), None));
        }
        match self.connect_timeout {
            None => self.open(attempt).await,
            Some(limit) => {
                let open = async |attempt| self.open(&attempt).await;
                // Large, and every attempt would be.
                Box::pin(limit::within(limit, attempt, open)).await
            }
        }
    }

    #[cfg(feature = "proxy")]
    fn forwarder(&self, host: &Host) -> Option<Forwarder> {
        let forwarder = self.route.forwarder(host)?;
        let ours = !self.schemes.contains_key(host.scheme()) && !self.is_tls(host);
        ours.then_some(forwarder)
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schemes = self.schemes.keys();
        #[cfg(feature = "tls")]
        let schemes = schemes.chain(self.route.tls.names());
        let mut schemes: Vec<_> = schemes.collect();
        schemes.sort_unstable();
        f.debug_struct("Net")
            .field("route", &self.route)
            .field("schemes", &schemes)
            .finish()
    }
}
