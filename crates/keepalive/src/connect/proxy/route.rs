//! The route to a host through a proxy.

use std::net::IpAddr;

use crate::api::address::Address;
use crate::api::host::Host;
use crate::connect::forward::Forwarder;
use crate::connect::net::Route;
use crate::connect::proxy::Proxy;
use crate::connect::wire::Wire;
use crate::connect::{Attempt, ConnectError, Phase};

impl Route {
    /// The proxy that forwards HTTP requests to `host`.
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

    /// Opens a stream to an attempt's host through `proxy`.
    pub(crate) async fn connect_by(
        &self,
        attempt: &Attempt,
        proxy: &Proxy,
    ) -> Result<Wire, ConnectError> {
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
