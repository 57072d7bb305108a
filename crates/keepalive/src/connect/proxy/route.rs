//! The route to a host through a proxy.

use std::net::IpAddr;

use crate::api::address::Address;
use crate::connect::net::Route;
use crate::connect::proxy::{Protocol, Proxy, http, socks};
#[cfg(feature = "tls")]
use crate::connect::stream::Kind;
use crate::connect::stream::NetStream;
#[cfg(feature = "tls")]
use crate::connect::tls;
use crate::connect::{Attempt, ConnectError, Phase};

impl Route {
    /// Opens a stream to an attempt's host through `proxy`.
    pub(crate) async fn connect_by(
        &self,
        attempt: &Attempt,
        proxy: &Proxy,
    ) -> Result<NetStream, ConnectError> {
        let target = match attempt.host().address() {
            Address::Name(name) if proxy.protocol == Protocol::Socks5 => {
                Address::Ip(self.first(attempt, name).await?)
            }
            address => address.clone(),
        };
        let reached = self.connect_to(attempt, &proxy.address, proxy.port);
        let reached = reached.await;
        let mut stream = reached.map_err(|error| error.on_the_way_to(proxy))?;
        // The address is the proxy's, so that the host's name cannot lose it.
        stream.address_watch = None;
        attempt.enter(Phase::Proxy);
        #[cfg(feature = "tls")]
        if proxy.protocol == Protocol::Https {
            let name = tls::server_name(&proxy.address)?;
            let config = self.tls.config(proxy.tls.as_ref(), "https").await?;
            let alpn = vec![tls::HTTP_11.to_vec()];
            let place = format!("proxy {proxy}");
            let tunnel = self.tls.handshake(&place, config, alpn, name, stream);
            let kind = Kind::Tunnel(Box::new(tunnel.await?));
            stream = NetStream::new(kind, None);
        }
        let port = attempt.host().port();
        let credentials = proxy.credentials.as_deref();
        let opened = match proxy.protocol {
            Protocol::Socks5 | Protocol::Socks5h => {
                socks::open(&mut stream, &target, port, credentials).await
            }
            _ => http::open(&mut stream, &target, port, credentials).await,
        };
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
