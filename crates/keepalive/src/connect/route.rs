//! The route to a host over TCP: directly or through a proxy, to the first address that answers.

use std::future::poll_fn;
use std::io;
#[cfg(feature = "proxy")]
use std::net::IpAddr;
use std::net::SocketAddr;

use crate::api::address::Address;
#[cfg(feature = "proxy")]
use crate::api::host::Host;
use crate::connect::dial::{Dial, Way};
#[cfg(feature = "proxy")]
use crate::connect::forward::Forwarder;
use crate::connect::observe::{Observer, PathEvent};
use crate::connect::options::TcpOptions;
#[cfg(feature = "proxy")]
use crate::connect::proxy::{Proxies, Proxy};
use crate::connect::resolve::{Residence, Resolver, system};
use crate::connect::tcp::Connecting;
#[cfg(feature = "tls")]
use crate::connect::tls;
use crate::connect::wire::Wire;
use crate::connect::{Attempt, ConnectError, Phase};
use crate::sync::Arc;
use keepalive_engine::Pace;

/// A stream to a host.
pub(crate) struct Reached {
    pub(crate) stream: Wire,
    /// The address of the host's name, if the stream leads to one.
    pub(crate) residence: Option<Box<Residence>>,
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
    pub(crate) async fn connect(&self, attempt: &Attempt) -> Result<Reached, ConnectError> {
        let host = attempt.host();
        #[cfg(feature = "proxy")]
        if let Some(proxy) = self.proxies.of(host) {
            self.observer.tell(attempt, PathEvent::ByProxy(proxy));
            // Boxed, because it would make every attempt as large.
            let stream = Box::pin(self.connect_by(attempt, proxy)).await?;
            let residence = None;
            return Ok(Reached { stream, residence });
        }
        let reached = self.connect_to(attempt, host.address(), host.port());
        #[cfg(feature = "proxy")]
        if let Some(proxy) = host.proxy() {
            self.observer.tell(attempt, PathEvent::ByProxy(proxy));
            let reached = reached.await;
            return reached.map_err(|error| error.on_the_way_to(format!("proxy {proxy}")));
        }
        reached.await
    }

    /// The proxy that forwards HTTP requests to `host`.
    #[cfg(feature = "proxy")]
    pub(crate) fn forwarder(&self, host: &Host) -> Option<Forwarder> {
        let forwarder = self.forwarder.as_ref()?;
        if host.scheme() != "http" || self.proxies.of(host).is_none() {
            return None;
        }
        let forwarder = forwarder.clone();
        Some(match host.partition() {
            Some(label) => forwarder.partition(label),
            None => forwarder,
        })
    }

    async fn connect_to(
        &self,
        attempt: &Attempt,
        address: &Address,
        port: u16,
    ) -> Result<Reached, ConnectError> {
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
        let families = self.resolver.families();
        if !families.include(&address.ip()) {
            let error = io::Error::from_raw_os_error(libc::EAFNOSUPPORT);
            let wanted = format!("{address}: only {families} is to be used");
            return Err(ConnectError::new("connect", error).detail(wanted));
        }
        let tell = |event: PathEvent<'_>| self.observer.tell(attempt, event);
        tell(PathEvent::Connecting(address));
        let begun = Connecting::begin(address, attempt.bind_addresses(), &self.options);
        let connected = match begun {
            Ok(mut connecting) => poll_fn(|context| connecting.poll(context)).await,
            Err(error) => Err(error),
        };
        let stream = connected.inspect_err(|error| tell(PathEvent::Failed(address, error)))?;
        tell(PathEvent::Connected(address));
        let residence = None;
        let stream = Wire::Tcp(stream);
        Ok(Reached { stream, residence })
    }

    async fn race(
        &self,
        attempt: &Attempt,
        name: &str,
        port: u16,
    ) -> Result<Reached, ConnectError> {
        let lookups = self.resolver.lookups(name);
        let last = self.resolver.last_worked(name);
        let way = Way {
            attempt,
            name,
            port,
            options: &self.options,
            observer: &self.observer,
        };
        let dial = Dial::new(way, self.pace, lookups, last);
        let (stream, address) = dial.await?;
        let residence = self.resolver.reside(name, address);
        let stream = Wire::Tcp(stream);
        Ok(Reached { stream, residence })
    }

    #[cfg(feature = "proxy")]
    async fn connect_by(&self, attempt: &Attempt, proxy: &Proxy) -> Result<Wire, ConnectError> {
        let target = match attempt.host().address() {
            Address::Name(name) if proxy.takes_addresses() => {
                Address::Ip(self.first(attempt, name).await?)
            }
            address => address.clone(),
        };
        let (address, port) = proxy.server();
        let reached = self.connect_to(attempt, address, port).await;
        let reached = reached.map_err(|error| error.on_the_way_to(format!("proxy {proxy}")))?;
        let mut stream = reached.stream;
        attempt.enter(Phase::Proxy);
        #[cfg(feature = "tls")]
        if proxy.is_encrypted() {
            let encrypted = self.tls.connect_proxy(proxy, stream).await?;
            stream = Wire::Tls(Box::new(encrypted));
        }
        let port = attempt.host().port();
        let opened = proxy.open(&mut stream, &target, port).await;
        opened.map_err(|error| {
            let host = attempt.host();
            ConnectError::new("proxy", error).detail(format!("{proxy} to {host}"))
        })?;
        Ok(stream)
    }

    /// The first address of a name, for a proxy that takes only one.
    #[cfg(feature = "proxy")]
    async fn first(&self, attempt: &Attempt, name: &str) -> Result<IpAddr, ConnectError> {
        let mut failed = None;
        for mut lookup in self.resolver.lookups(name) {
            let tell = |event| self.observer.tell(attempt, event);
            tell(lookup.begins(name));
            let answer = (&mut lookup).await;
            tell(lookup.ends(name, &answer));
            match answer {
                Ok(found) => return Ok(found[0]),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.expect("a lookup that finds nothing fails"))
    }
}
