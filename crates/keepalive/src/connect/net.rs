//! The default connector: TCP and Unix sockets, and connectors registered by scheme; and the route
//! to a host over TCP.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use keepalive_engine::Pace;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::api::address::Address;
use crate::api::host::Host;
use crate::api::request::{Request, RequestError};
use crate::connect::dial::Dial;
#[cfg(feature = "proxy")]
use crate::connect::forward::Forwarder;
use crate::connect::observe::{Observer, PathEvent};
use crate::connect::options::TcpOptions;
use crate::connect::platform::errno;
#[cfg(feature = "proxy")]
use crate::connect::proxy::{Proxies, Proxy};
use crate::connect::resolve::{Addresses, Families, Resolve, Resolver, Settings, system};
use crate::connect::scheme::AnyConnector;
use crate::connect::socket::Connecting;
use crate::connect::stream::{Kind, NetStream};
#[cfg(feature = "tls")]
use crate::connect::tls;
use crate::connect::{Attempt, ConnectError, Connector, Phase, Steps, socket};
use crate::sync::{Arc, Mutex};

/// Opens connections by scheme: a Unix socket for `unix`, plain TCP for every other scheme, unless
/// a connector is registered for it.
///
/// With the feature `tls`, it uses TLS over TCP for `https`, `wss`, schemes with TLS settings, and
/// requests with TLS settings of their own. Without the feature, `https` and `wss` fail with an
/// error of function `tls`.
///
/// The [system's resolver](crate::SystemResolver) resolves names, unless [another](Self::resolver)
/// is set. Concurrent requests for a name share one lookup. Its answer is kept for a
/// [while](Self::dns_cache_ttl): at least the last 512 names, each with at most 64 addresses. The
/// absence of addresses is kept for two seconds; a temporary failure is not kept. Clones share all
/// of this; a clone whose settings are changed afterwards has its own.
///
/// The addresses of a name are raced according to RFC 8305 ("Happy Eyeballs"). The address that
/// worked last goes first, and the families alternate. The next address is tried when one has
/// failed, or has not answered within [`attempt_delay`](Self::attempt_delay). The first established
/// connection is used. A race counts as one connection against the limits.
///
/// When a new lookup of a name lacks an earlier address, the connections to that address are
/// [retired](Self::close_on_dns_change).
#[derive(Clone, Default)]
pub struct NetConnector {
    route: Route,
    connect_timeout: Option<Duration>,
    schemes: HashMap<String, Arc<dyn AnyConnector>>,
}

impl NetConnector {
    /// A connector with the built-in schemes only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Options of the TCP sockets that this connector opens itself; registered connectors are not
    /// affected.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.route.options = options;
        self
    }

    /// Maximum time to open a connection: resolving, connecting, a proxy and TLS together.
    ///
    /// Default none: only the manager's `timeout` applies, which also includes the time in the
    /// queue. An attempt that exceeds the limit fails with the function of its phase and
    /// `ETIMEDOUT`. With zero, at most a connection to this machine can be opened. It does not
    /// apply to registered connectors.
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = Some(time);
        self
    }

    /// Time that an address of a name has to answer before the next is tried in parallel. Default
    /// 250 ms, as RFC 8305 recommends; less than 10 ms counts as 10 ms.
    ///
    /// If it is too short, servers receive connections that are abandoned at once. If it is too
    /// long, every dead path delays the connection.
    #[must_use]
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.route.pace.attempt_delay = delay;
        self
    }

    /// Time that the IPv4 addresses of a name wait for its IPv6 addresses, if the resolver looks
    /// both up separately. Default 50 ms, as RFC 8305 recommends.
    #[must_use]
    pub fn resolution_delay(mut self, delay: Duration) -> Self {
        self.route.pace.resolution_delay = delay;
        self
    }

    /// Connects to all hosts through one proxy, or to each as [`Proxies`] specifies. Default none.
    ///
    /// It applies to TCP connections that this connector opens itself, TLS included, not to
    /// registered connectors. Requests for a host share its connections, so the proxy of a host
    /// never changes within one manager. An HTTP client may have requests of scheme `http`
    /// forwarded, see [`Proxy`](crate::Proxy); a connection requested from a manager is a tunnel.
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

    /// Registers `connector` for `scheme`, whose case does not matter.
    #[must_use]
    pub fn scheme<C>(mut self, scheme: &str, connector: C) -> Self
    where
        C: Connector,
        C::Connection: AsyncRead + AsyncWrite + Unpin,
    {
        let scheme = scheme.to_ascii_lowercase();
        #[cfg(feature = "tls")]
        self.route.tls.by_scheme.remove(&scheme);
        self.schemes.insert(scheme, Arc::new(connector));
        self
    }

    /// The TLS settings of `https` and `wss`. Default [`Tls::new`](tls::Tls::new), created on first
    /// use.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: tls::Tls) -> Self {
        self.route.tls.chosen = Some(tls);
        self
    }

    /// Connects to the hosts of `scheme`, whose case does not matter, by TLS with these settings.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_scheme(mut self, scheme: &str, tls: tls::Tls) -> Self {
        let scheme = scheme.to_ascii_lowercase();
        self.schemes.remove(&scheme);
        self.route.tls.by_scheme.insert(scheme, tls);
        self
    }

    /// Resolves names with `resolver`. Default [`SystemResolver`](crate::SystemResolver).
    #[must_use]
    pub fn resolver(self, resolver: impl Resolve) -> Self {
        self.set(|settings| settings.source = Arc::new(resolver))
    }

    /// The address families to connect to. Default both.
    ///
    /// Only addresses of these families are looked up. A request for a numeric address of another
    /// family fails with an error of function `connect`.
    #[must_use]
    pub fn families(self, families: Families) -> Self {
        self.set(|settings| settings.families = families)
    }

    /// Resolves `name` to `addresses` without a lookup, in order of preference.
    ///
    /// Case and a trailing dot do not matter. The last call for a name applies. A name without
    /// addresses cannot be connected to. Addresses after the first 64 are dropped.
    ///
    /// # Errors
    ///
    /// `name` is not a host name; the error shows it and the allowed form.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    /// use keepalive::{Manager, NetConnector};
    ///
    /// let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    /// let net = NetConnector::new().resolve_to_addrs("example.test", [here])?;
    /// let manager = Manager::builder().connector(net).build()?;
    ///
    /// let error = NetConnector::new().resolve_to_addrs("127.0.0.1", []).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "invalid name \"127.0.0.1\": it is a numeric address, which is not looked up"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resolve_to_addrs(
        self,
        name: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self, RequestError> {
        const NUMERIC: &str = "it is a numeric address, which is not looked up";
        // A valid name is one that a request accepts as a name.
        let request = Request::new("tcp", name, 1)?;
        let Address::Name(known) = request.host().address() else {
            return Err(RequestError::new("name", format!("{name:?}"), NUMERIC));
        };
        let addresses = Addresses::new(addresses);
        Ok(self.set(|settings| drop(settings.overrides.insert(known.clone(), addresses))))
    }

    /// How long the addresses of a name are kept if their resolver reports no TTL.
    ///
    /// Default 30 s. A TTL takes precedence, up to five minutes, or up to this value if it is
    /// longer. With zero, nothing is kept, whatever its TTL, and each new connection looks its name
    /// up. With a very long time, connections go to the old addresses of a name that has moved.
    #[must_use]
    pub fn dns_cache_ttl(self, time: Duration) -> Self {
        self.set(|settings| settings.keep = time)
    }

    /// Maximum number of lookups at once, for all names; further lookups wait in order of arrival.
    ///
    /// Default 16; zero counts as 1. With a low limit, a name whose servers do not answer delays
    /// others. With a high limit, the system's resolver may use up the runtime's blocking threads.
    /// A resolver with [separate lookups](Resolve::asks_separately) needs two per name.
    #[must_use]
    pub fn max_lookups(self, lookups: usize) -> Self {
        self.set(|settings| settings.at_once = lookups.clamp(1, Semaphore::MAX_PERMITS))
    }

    /// Whether connections are retired when a new lookup shows that their name has lost their
    /// address. An idle one is closed at once, and one in use when it comes back.
    ///
    /// Default yes: traffic follows a name that moves. Choose no for a name whose servers return a
    /// few of its many addresses in turn; each lookup would close good connections. A failed lookup
    /// retires nothing.
    #[must_use]
    pub fn close_on_dns_change(self, retire: bool) -> Self {
        self.set(|settings| settings.retires = retire)
    }

    /// Reports each step on the way to a host to `observer`: the addresses found, the connections
    /// begun, and their results.
    ///
    /// Default none. It is called within the attempt, so it must be quick and must not block; its
    /// panic fails the attempt. It receives no steps of registered connectors and Unix sockets.
    /// [`Timing`](crate::Timing) has the total time of the steps, and [`NetStream::tls`] the result
    /// of TLS.
    ///
    /// # Examples
    ///
    /// ```
    /// use keepalive::{Manager, NetConnector, PathEvent};
    ///
    /// let net = NetConnector::new().observe(|attempt, event| {
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
        self.route.observer = Observer(Some(Arc::new(observer)));
        self
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        self.route.resolver = Arc::new(self.route.resolver.with(change));
        self
    }

    /// Whether this connector encrypts connections to `host`.
    fn is_tls(&self, host: &Host) -> bool {
        #[cfg(feature = "tls")]
        return self.route.tls.serves(host);

        #[cfg(not(feature = "tls"))]
        matches!(host.scheme(), "https" | "wss")
    }

    /// Opens a connection within `limit`. An attempt that exceeds it fails with `ETIMEDOUT` and the
    /// function of its current phase.
    async fn open_within(
        &self,
        limit: Duration,
        attempt: &Attempt,
    ) -> Result<NetStream, ConnectError> {
        let last = Arc::new(LastPhase {
            steps: Arc::clone(&attempt.steps),
            last: Mutex::new(Phase::Resolve),
        });
        let noted = Attempt {
            steps: Arc::clone(&last) as _,
            ..attempt.offering(attempt.protocols)
        };
        let opened = timeout(limit, self.open(&noted)).await;
        opened.unwrap_or_else(|_| {
            let function = match *last.last.lock() {
                Phase::Resolve => "resolve",
                Phase::Proxy => "proxy",
                Phase::Tls => "tls",
                _ => "connect",
            };
            let error = io::Error::from_raw_os_error(errno::ETIMEDOUT);
            let detail = format!("{}: it was not open within {limit:?}", attempt.host);
            Err(ConnectError::new(function, error).detail(detail))
        })
    }

    async fn open(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        let host = attempt.host();
        let opened = if self.is_tls(host) {
            // Boxed, because it would make every attempt as large.
            Box::pin(self.connect_tls(attempt)).await
        } else if host.scheme() == "unix" {
            socket::connect_unix(attempt).await
        } else {
            self.route.connect(attempt).await
        };
        #[cfg(feature = "proxy")]
        if let Some(proxy) = host.proxy() {
            return opened.map_err(|error| error.on_the_way_to(proxy));
        }
        opened
    }

    #[cfg(feature = "tls")]
    async fn connect_tls(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        let name = tls::server_name(attempt.host().address())?;
        let mut stream = self.route.connect(attempt).await?;
        let address_watch = stream.address_watch.take();
        let stream = self.route.tls.connect(attempt, name, stream).await?;
        Ok(NetStream::new(Kind::Tls(Box::new(stream)), address_watch))
    }

    #[cfg(not(feature = "tls"))]
    async fn connect_tls(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        attempt.enter(Phase::Tls);
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

impl Connector for NetConnector {
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
            // Boxed, because it would make every attempt as large.
            Some(limit) => Box::pin(self.open_within(limit, attempt)).await,
        }
    }

    #[cfg(feature = "proxy")]
    fn forwarder(&self, host: &Host) -> Option<Forwarder> {
        let forwarder = self.route.forwarder.as_ref()?;
        if host.scheme() != "http"
            || self.schemes.contains_key("http")
            || self.is_tls(host)
            || self.route.proxies.of(host).is_none()
        {
            return None;
        }
        let forwarder = forwarder.clone();
        Some(match host.partition() {
            Some(label) => forwarder.partition(label),
            None => forwarder,
        })
    }
}

impl fmt::Debug for NetConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schemes = self.schemes.keys();
        #[cfg(feature = "tls")]
        let schemes = schemes.chain(self.route.tls.by_scheme.keys());
        let mut schemes: Vec<_> = schemes.collect();
        schemes.sort_unstable();
        f.debug_struct("NetConnector")
            .field("route", &self.route)
            .field("schemes", &schemes)
            .finish()
    }
}

/// Records the current phase of an attempt.
struct LastPhase {
    steps: Arc<dyn Steps>,
    last: Mutex<Phase>,
}

impl Steps for LastPhase {
    fn enter(&self, phase: Phase) {
        *self.last.lock() = phase;
        self.steps.enter(phase);
    }
}

/// The settings by which hosts are reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) options: TcpOptions,
    pub(crate) pace: Pace,
    pub(crate) observer: Observer,
    #[cfg(feature = "proxy")]
    pub(crate) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(crate) tls: tls::Schemes,
    /// The proxy of scheme `http`, if it forwards.
    #[cfg(feature = "proxy")]
    pub(crate) forwarder: Option<Forwarder>,
}

impl Route {
    /// Opens a stream to an attempt's host.
    pub(crate) async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        let host = attempt.host();
        #[cfg(feature = "proxy")]
        if let Some(proxy) = self.proxies.of(host) {
            self.observer.tell(attempt, PathEvent::ByProxy(proxy));
            // Boxed, because it would make every attempt as large.
            return Box::pin(self.connect_by(attempt, proxy)).await;
        }
        #[cfg(feature = "proxy")]
        if let Some(proxy) = host.proxy() {
            self.observer.tell(attempt, PathEvent::ByProxy(proxy));
        }
        self.connect_to(attempt, host.address(), host.port()).await
    }

    pub(crate) async fn connect_to(
        &self,
        attempt: &Attempt,
        address: &Address,
        port: u16,
    ) -> Result<NetStream, ConnectError> {
        let address = match address {
            Address::Ip(ip) => SocketAddr::new(*ip, port),
            Address::Zoned(ip, zone) => Box::pin(system::with_zone(*ip, zone, port)).await?,
            // Long waits are boxed, because they would make every attempt as large.
            Address::Name(name) => return Box::pin(self.race(attempt, name, port)).await,
            Address::Path(_) => {
                let error = "a path is only for scheme unix";
                let error = io::Error::new(io::ErrorKind::InvalidInput, error);
                return Err(ConnectError::new("resolve", error));
            }
        };
        attempt.enter(Phase::Connect);
        let families = self.resolver.settings.families;
        if !families.include(&address.ip()) {
            let error = io::Error::from_raw_os_error(errno::EAFNOSUPPORT);
            let wanted = format!("{address}: only {families} is to be used");
            return Err(ConnectError::new("connect", error).detail(wanted));
        }
        let tell = |event: PathEvent<'_>| self.observer.tell(attempt, event);
        tell(PathEvent::Connecting(address));
        let begun = Connecting::begin(address, attempt.bind_addresses, &self.options);
        let connected = match begun {
            Ok(mut connecting) => poll_fn(|context| connecting.poll(context)).await,
            Err(error) => Err(error),
        };
        let stream = connected.inspect_err(|error| tell(PathEvent::Failed(address, error)))?;
        tell(PathEvent::Connected(address));
        Ok(NetStream::new(Kind::Tcp(stream), None))
    }

    async fn race(
        &self,
        attempt: &Attempt,
        name: &str,
        port: u16,
    ) -> Result<NetStream, ConnectError> {
        let lookups = self.resolver.lookups(name);
        let last = self.resolver.last_worked(name);
        let dial = Dial::new(self, attempt, (name, port), lookups, last);
        let (stream, address) = dial.await?;
        let address_watch = self.resolver.watch_address(name, address);
        Ok(NetStream::new(Kind::Tcp(stream), address_watch))
    }
}
