//! Builds the manager of a run from its limits.

use std::net::IpAddr;
use std::time::Duration;

use keepalive::{ConfigError, Connector, Host, Manager, NetConnector};
use keepalive_http::Http;

use crate::fetch::host_limits::HostLimits;

/// The manager of a run.
pub(crate) type HttpManager = Manager<Http<NetConnector>>;

/// The limits of a run.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) max_per_host: usize,
    /// The limits of single hosts, from `--limits`.
    pub(crate) of_hosts: HostLimits,
    pub(crate) max_open: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) timeout: Duration,
    pub(crate) bind: Vec<IpAddr>,
    pub(crate) versions: Versions,
}

/// The versions of HTTP that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    /// The server's choice with `https`, and HTTP/1.1 with `http`.
    Either,
    One,
    Two,
}

impl Limits {
    /// Builds the manager, with `net` as the connector.
    ///
    /// # Errors
    ///
    /// A limit is invalid; the error names it.
    pub(crate) fn manager(&self, net: NetConnector) -> Result<HttpManager, ConfigError> {
        let mut builder = Manager::builder()
            .max_per_host(self.max_per_host)
            .max_open(self.max_open)
            .keep_alive(self.keep_alive)
            .timeout(self.timeout);
        for (host, &connections) in &self.of_hosts {
            builder = builder.max_per_host_of(host, connections);
            // A line of the file may be about a forwarding proxy, which is the host that connections
            // are opened to.
            let forwarder = net.forwarder(host);
            let proxy = forwarder
                .as_ref()
                .map(|forwarder| forwarder.request().host());
            if let Some(proxy) = proxy.filter(|proxy| is_at(proxy, host)) {
                builder = builder.max_per_host_of(proxy, connections);
            }
        }
        for &address in &self.bind {
            builder = builder.bind_address(address);
        }
        let http = match self.versions {
            Versions::Either => Http::over(net),
            Versions::One => Http::over(net).http1_only(),
            Versions::Two => Http::over(net).http2_only(),
        };
        builder.connector(http).build()
    }
}

fn is_at(one: &Host, other: &Host) -> bool {
    one.address() == other.address() && one.port() == other.port()
}
