//! The way to a host over TCP: straight or by a proxy, by whichever address answers first.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;

use keepalive_engine::Pace;
use tokio::net::TcpStream;

use crate::address::Address;
use crate::connect::dial::Dial;
use crate::connect::options::TcpOptions;
#[cfg(feature = "proxy")]
use crate::connect::proxy::{Proxies, Proxy};
use crate::connect::resolve::{self, Resolver};
use crate::connect::tcp::Connecting;
use crate::connect::{Attempt, ConnectError, Phase};
use crate::host::Host;
use crate::sync::Arc;

/// How hosts are reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) options: TcpOptions,
    pub(crate) pace: Pace,
    #[cfg(feature = "proxy")]
    pub(crate) proxies: Proxies,
}

impl Route {
    /// Opens a stream to an attempt's host.
    pub(crate) async fn connect(&self, attempt: &Attempt) -> Result<TcpStream, ConnectError> {
        let host = attempt.host();
        #[cfg(feature = "proxy")]
        if let Some(proxy) = self.proxies.of(host) {
            // Large, and every attempt would be.
            return Box::pin(self.connect_by(attempt, proxy)).await;
        }
        self.connect_to(attempt, host.address(), host.port()).await
    }

    /// Whether a host is this machine, and nothing lies on the way.
    pub(crate) fn is_local(&self, host: &Host) -> bool {
        #[cfg(feature = "proxy")]
        if self.proxies.of(host).is_some() {
            return false;
        }
        matches!(host.address(), Address::Ip(ip) if ip.is_loopback())
    }

    async fn connect_to(
        &self,
        attempt: &Attempt,
        address: &Address,
        port: u16,
    ) -> Result<TcpStream, ConnectError> {
        let address = match address {
            Address::Ip(ip) => SocketAddr::new(*ip, port),
            Address::Zoned(ip, zone) => Box::pin(resolve::zoned(*ip, zone, port)).await?,
            Address::Name(name) => {
                let lookups = self.resolver.lookups(name);
                let dial = Dial::new(attempt, port, &self.options, self.pace, lookups, None);
                // What may have to wait for long is boxed, or every attempt would be as large.
                return Box::pin(dial).await;
            }
            Address::Path(_) => {
                let error = "a path is only for scheme unix";
                let error = io::Error::new(io::ErrorKind::InvalidInput, error);
                return Err(ConnectError::new("resolve", error));
            }
        };
        attempt.enter(Phase::Connect);
        let mut connecting = Connecting::begin(address, attempt.bind_addresses(), &self.options)?;
        poll_fn(|context| connecting.poll(context)).await
    }

    #[cfg(feature = "proxy")]
    async fn connect_by(
        &self,
        attempt: &Attempt,
        proxy: &Proxy,
    ) -> Result<TcpStream, ConnectError> {
        let target = match attempt.host().address() {
            Address::Name(name) if proxy.takes_addresses() => {
                let addresses = resolve::first(self.resolver.lookups(name)).await?;
                Address::Ip(addresses)
            }
            address => address.clone(),
        };
        let (address, port) = proxy.server();
        let stream = self.connect_to(attempt, address, port).await;
        let mut stream = stream.map_err(|error| error.on_the_way_to(format!("proxy {proxy}")))?;
        attempt.enter(Phase::Proxy);
        let port = attempt.host().port();
        let opened = proxy.open(&mut stream, &target, port).await;
        opened.map_err(|error| {
            let host = attempt.host();
            ConnectError::new("proxy", error).detail(format!("{proxy} to {host}"))
        })?;
        Ok(stream)
    }
}
