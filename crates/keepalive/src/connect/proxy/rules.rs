//! The rules that choose a proxy for a host.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Fault, Proxy, ProxyError, environment, split_port};
use crate::api::address::Address;
use crate::api::host::Host;

/// The proxies of hosts, and the hosts without one.
///
/// A host uses the proxy of its scheme, or else the one for all hosts, unless it is an exception.
/// By default there is no proxy, and the environment is not read.
///
/// # Examples
///
/// ```
/// use keepalive::{Manager, NetConnector, Proxies};
///
/// let proxies = Proxies::new()
///     .all("http://proxy.internal:3128".parse()?)
///     .scheme("redis", "socks5://127.0.0.1:1080".parse()?)
///     .no_proxy("localhost, 127.0.0.0/8, .internal")?;
/// let manager = Manager::builder().connector(NetConnector::new().proxy(proxies)).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    schemes: BTreeMap<String, Proxy>,
    all: Option<Proxy>,
    exceptions: Vec<Exception>,
    passed_over: Vec<String>,
}

impl Proxies {
    /// No proxy for any host.
    pub fn new() -> Self {
        Self::default()
    }

    /// The proxies in the environment variables, as most programs read them.
    ///
    /// `http_proxy`, `https_proxy`, `ws_proxy` and `wss_proxy` apply to hosts of these schemes,
    /// `all_proxy` to all others, and `no_proxy` lists the exceptions. All but `http_proxy` may be
    /// in upper case; lower case takes precedence. `HTTP_PROXY` is not read, because servers set it
    /// from a request's header (CVE-2016-5385). An empty variable counts as unset.
    ///
    /// An invalid exception is no error, because programs differ in the accepted forms. It is
    /// skipped, and [`passed_over`](Self::passed_over) returns it.
    ///
    /// # Errors
    ///
    /// The first proxy with an invalid URL, without its credentials.
    pub fn from_environment() -> Result<Self, ProxyError> {
        environment::read(|variable| std::env::var_os(variable))
    }

    /// Uses this proxy for all hosts without a proxy for their scheme.
    #[must_use]
    pub fn all(mut self, proxy: Proxy) -> Self {
        self.all = Some(proxy);
        self
    }

    /// Uses this proxy for all hosts of this scheme, whose case does not matter.
    #[must_use]
    pub fn scheme(mut self, scheme: &str, proxy: Proxy) -> Self {
        self.schemes.insert(scheme.to_ascii_lowercase(), proxy);
        self
    }

    /// Adds exceptions, which are hosts that are reached without a proxy: a list separated by
    /// commas or spaces.
    ///
    /// | exception | stands for |
    /// |---|---|
    /// | `example.test`, `.example.test` | the name, and all names under it |
    /// | `*.example.test` | all names under it |
    /// | `192.0.2.1`, `::1`, `[::1]` | the address |
    /// | `10.0.0.0/8`, `fe80::/10` | the addresses of the network |
    /// | `*` | all |
    ///
    /// A port after a colon restricts an exception to that port; IPv6 then needs brackets. Names
    /// are not resolved for this. These are the forms of curl, Go and Python. Where these programs
    /// differ about a host, it is an exception if one of them takes it for one.
    ///
    /// # Errors
    ///
    /// The first part with another form.
    pub fn no_proxy(mut self, list: &str) -> Result<Self, ProxyError> {
        for part in parts(list) {
            let exception = Exception::parse(part);
            self.exceptions
                .push(exception.ok_or_else(|| Fault::Exception(part.to_owned()))?);
        }
        Ok(self)
    }

    /// Like [`no_proxy`](Self::no_proxy), but skips invalid parts.
    pub(super) fn no_proxy_where_known(mut self, list: &str) -> Self {
        for part in parts(list) {
            match Exception::parse(part) {
                Some(exception) => self.exceptions.push(exception),
                None => self.passed_over.push(part.to_owned()),
            }
        }
        self
    }

    /// The invalid exceptions in the [environment](Self::from_environment), as written there.
    ///
    /// A program may want to warn its user: these hosts use a proxy.
    pub fn passed_over(&self) -> impl Iterator<Item = &str> {
        self.passed_over.iter().map(String::as_str)
    }

    /// The proxy of a host; a proxy itself has none.
    pub(crate) fn of(&self, host: &Host) -> Option<&Proxy> {
        if host.proxy().is_some() {
            return None;
        }
        let proxy = self.for_scheme(host.scheme())?;
        let excepted = self.exceptions.iter().any(|exception| exception.is(host));
        (!excepted).then_some(proxy)
    }

    /// The proxy of a scheme's hosts, without regard to exceptions.
    pub(crate) fn for_scheme(&self, scheme: &str) -> Option<&Proxy> {
        self.schemes.get(scheme).or(self.all.as_ref())
    }
}

impl From<Proxy> for Proxies {
    fn from(proxy: Proxy) -> Self {
        Self::new().all(proxy)
    }
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t']).filter(|part| !part.is_empty())
}

/// Hosts that are reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    what: What,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    All,
    /// All names under a domain, and its own unless it is `only_under`.
    Domain {
        name: Box<str>,
        only_under: bool,
    },
    Network(IpNet),
}

impl Exception {
    fn parse(text: &str) -> Option<Self> {
        let network = |text: &str| -> Option<IpNet> {
            let bare = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'));
            let text = bare.unwrap_or(text);
            let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
            text.parse().ok().or_else(single)
        };
        if let Some(network) = network(text) {
            let what = What::Network(network);
            return Some(Self { what, port: None });
        }
        let (text, port) = split_port(text).ok()?;
        let what = if text == "*" {
            What::All
        } else if let Some(network) = network(text) {
            What::Network(network)
        } else {
            let under = text.strip_prefix("*.");
            let name = under.unwrap_or(text.strip_prefix('.').unwrap_or(text));
            let Ok(Address::Name(name)) = Address::parse(name) else {
                return None;
            };
            let only_under = under.is_some();
            What::Domain { name, only_under }
        };
        Some(Self { what, port })
    }

    fn is(&self, host: &Host) -> bool {
        self.port.is_none_or(|port| port == host.port())
            && match (&self.what, host.address()) {
                (What::All, _) => true,
                (What::Domain { name, only_under }, Address::Name(host)) => host
                    .strip_suffix(&**name)
                    .is_some_and(|rest| rest.ends_with('.') || rest.is_empty() && !only_under),
                (What::Network(network), Address::Ip(ip)) => network.contains(ip),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests;
