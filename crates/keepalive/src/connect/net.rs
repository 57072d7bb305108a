//! The default connector: tcp and unix sockets, and whatever is registered by scheme.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::address::Address;
use crate::connect::options::TcpOptions;
#[cfg(feature = "proxy")]
use crate::connect::proxy::Proxies;
use crate::connect::resolve::{Addresses, Families, Residence, Resolve, Resolver};
use crate::connect::route::Route;
use crate::connect::scheme::{AnyConnector, Stream};
use crate::connect::{Attempt, ConnectError, Connection, Connector, Phase, Unusable, socket, unix};
use crate::host::Host;
use crate::request::{Request, RequestError};
use crate::sync::Arc;

/// Opens connections by scheme: `unix` is a Unix socket, every other scheme plain TCP, unless a
/// connector is registered for it.
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
///
/// TLS is not built in yet: `https` and `wss` are answered with an error of function `tls`.
#[derive(Clone, Default)]
pub struct Net {
    route: Route,
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
    /// within one manager.
    ///
    /// [`Proxies`]: crate::Proxies
    #[cfg(feature = "proxy")]
    #[must_use]
    pub fn proxy(mut self, proxies: impl Into<Proxies>) -> Self {
        self.route.proxies = proxies.into();
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

    fn set(mut self, change: impl FnOnce(&Resolver) -> Resolver) -> Self {
        self.route.resolver = Arc::new(change(&self.route.resolver));
        self
    }
}

impl Connector for Net {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        let scheme = attempt.host().scheme();
        let mut residence = None;
        let kind = if let Some(connector) = self.schemes.get(scheme) {
            Kind::Other(connector.connect_any(attempt).await?)
        } else if scheme == "unix" {
            Kind::Unix(unix::connect(attempt).await?)
        } else if matches!(scheme, "https" | "wss") {
            return Err(no_tls(attempt));
        } else {
            let reached = self.route.connect(attempt).await?;
            residence = reached.residence;
            Kind::Tcp(reached.stream)
        };
        Ok(NetStream { kind, residence })
    }

    fn is_prompt(&self, host: &Host) -> bool {
        let scheme = host.scheme();
        let local = match scheme {
            "unix" => true,
            "https" | "wss" => false,
            _ => self.route.is_local(host),
        };
        local && !self.schemes.contains_key(scheme)
    }
}

fn no_tls(attempt: &Attempt) -> ConnectError {
    attempt.enter(Phase::Tls);
    let scheme = attempt.host().scheme();
    let error = io::Error::new(
        io::ErrorKind::Unsupported,
        format!(
            "TLS is not built in yet; register a connector for scheme {scheme} to use your own"
        ),
    );
    ConnectError::new("tls", error)
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut schemes: Vec<_> = self.schemes.keys().collect();
        schemes.sort_unstable();
        f.debug_struct("Net")
            .field("route", &self.route)
            .field("schemes", &schemes)
            .finish()
    }
}

/// A connection opened by [`Net`].
pub struct NetStream {
    kind: Kind,
    /// Of one that was opened to an address of a name.
    residence: Option<Box<Residence>>,
}

enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
    Other(Box<dyn Stream>),
}

impl NetStream {
    /// The TCP stream, if it is one.
    pub fn as_tcp(&self) -> Option<&TcpStream> {
        match &self.kind {
            Kind::Tcp(stream) => Some(stream),
            _ => None,
        }
    }

    /// The Unix stream, if it is one.
    pub fn as_unix(&self) -> Option<&UnixStream> {
        match &self.kind {
            Kind::Unix(stream) => Some(stream),
            _ => None,
        }
    }
}

impl Connection for NetStream {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        if let Some(residence) = &mut self.residence
            && residence.poll_gone(context).is_ready()
        {
            return Poll::Ready(Unusable::AddressGone);
        }
        match &mut self.kind {
            Kind::Tcp(stream) => socket::poll_unusable(stream, context),
            Kind::Unix(stream) => socket::poll_unusable(stream, context),
            Kind::Other(stream) => stream.poll_unusable(context),
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        if let Some(residence) = &self.residence
            && residence.is_gone()
        {
            return Err(Unusable::AddressGone);
        }
        match &mut self.kind {
            Kind::Tcp(stream) => socket::check(stream),
            Kind::Unix(stream) => socket::check(stream),
            Kind::Other(stream) => stream.check(),
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.kind {
            Kind::Tcp(_) | Kind::Unix(_) => Poll::Ready(()),
            Kind::Other(stream) => stream.poll_close(context),
        }
    }
}

/// Calls a method of whichever stream it is, pinned.
macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().kind {
            Kind::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Kind::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Kind::Other(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for NetStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for NetStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Tcp(stream) => stream.is_write_vectored(),
            Kind::Unix(stream) => stream.is_write_vectored(),
            Kind::Other(stream) => stream.is_write_vectored(),
        }
    }
}

impl fmt::Debug for NetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Tcp(stream) => stream.fmt(f),
            Kind::Unix(stream) => stream.fmt(f),
            Kind::Other(_) => f.debug_struct("NetStream").finish_non_exhaustive(),
        }
    }
}
