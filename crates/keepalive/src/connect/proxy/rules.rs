//! Which host is reached by which proxy.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Fault, Proxy, ProxyError, environment, split_port};
use crate::address::Address;
use crate::host::Host;

/// Which hosts are reached by which proxy, and which without.
///
/// A host goes by the proxy of its scheme, or by the one for all, unless it is excepted. By
/// default there is none, and the environment is not looked at.
///
/// # Examples
///
/// ```
/// use keepalive::{Manager, Net, Proxies};
///
/// let proxies = Proxies::new()
///     .all("http://proxy.internal:3128".parse()?)
///     .scheme("redis", "socks5://127.0.0.1:1080".parse()?)
///     .except("localhost, 127.0.0.0/8, .internal")?;
/// let manager = Manager::builder().connector(Net::new().proxy(proxies)).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    schemes: BTreeMap<String, Proxy>,
    all: Option<Proxy>,
    exceptions: Vec<Exception>,
}

impl Proxies {
    /// No proxy for any host.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the environment says, as most programs read it.
    ///
    /// `http_proxy`, `https_proxy`, `ws_proxy` and `wss_proxy` are for hosts of these schemes,
    /// `all_proxy` is for all others, and `no_proxy` has the exceptions. All but `http_proxy` may
    /// be in capital letters, too; small letters win. `HTTP_PROXY` is not read, because servers
    /// set it from a request's header (CVE-2016-5385). Empty is as good as not set. An
    /// address without a scheme is an `http` proxy.
    ///
    /// # Errors
    ///
    /// The first variable whose text can not be understood, without its credentials.
    pub fn from_environment() -> Result<Self, ProxyError> {
        environment::read(|variable| std::env::var_os(variable))
    }

    /// Hosts without a proxy for their scheme go by this one.
    #[must_use]
    pub fn all(mut self, proxy: Proxy) -> Self {
        self.all = Some(proxy);
        self
    }

    /// Hosts of this scheme, whose case does not matter, go by this proxy.
    #[must_use]
    pub fn scheme(mut self, scheme: &str, proxy: Proxy) -> Self {
        self.schemes.insert(scheme.to_ascii_lowercase(), proxy);
        self
    }

    /// Hosts that are reached without a proxy, besides those said before: a list with commas or
    /// spaces.
    ///
    /// A name stands for itself and all names under it, with or without a dot before it; an
    /// address or a network such as `10.0.0.0/8` for numeric hosts; `*` for all. A port after a
    /// colon has it go for that port only; IPv6 needs brackets then. Names are not resolved for
    /// this.
    ///
    /// # Errors
    ///
    /// The first part that is none of these.
    pub fn except(mut self, list: &str) -> Result<Self, ProxyError> {
        let parts = list.split([',', ' ', '\t']).filter(|part| !part.is_empty());
        for part in parts {
            let exception = Exception::parse(part);
            self.exceptions
                .push(exception.ok_or_else(|| Fault::Exception(part.to_owned()))?);
        }
        Ok(self)
    }

    /// The proxy by which a host is reached.
    pub(crate) fn of(&self, host: &Host) -> Option<&Proxy> {
        let proxy = self.schemes.get(host.scheme()).or(self.all.as_ref())?;
        let excepted = self.exceptions.iter().any(|exception| exception.is(host));
        (!excepted).then_some(proxy)
    }
}

impl From<Proxy> for Proxies {
    fn from(proxy: Proxy) -> Self {
        Self::new().all(proxy)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("schemes", &self.schemes)
            .field("all", &self.all)
            .field("exceptions", &self.exceptions)
            .finish()
    }
}

/// Hosts that need no proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    what: What,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    All,
    /// It, and what ends in it after a dot.
    Domain(Box<str>),
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
        let (text, port) = split_port(text)?;
        let what = if text == "*" {
            What::All
        } else if let Some(network) = network(text) {
            What::Network(network)
        } else {
            match Address::parse(text.strip_prefix('.').unwrap_or(text)) {
                Ok(Address::Name(name)) => What::Domain(name),
                _ => return None,
            }
        };
        Some(Self { what, port })
    }

    fn is(&self, host: &Host) -> bool {
        self.port.is_none_or(|port| port == host.port())
            && match (&self.what, host.address()) {
                (What::All, _) => true,
                (What::Domain(domain), Address::Name(name)) => name
                    .strip_suffix(&**domain)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
                (What::Network(network), Address::Ip(ip)) => network.contains(ip),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    fn excepts(list: &str, scheme: &str, address: &str, port: u16) -> bool {
        let proxy: Proxy = "http://proxy".parse().expect("a proxy");
        let proxies = Proxies::from(proxy).except(list).expect("a list");
        let request = Request::new(scheme, address, port).expect("a request");
        proxies.of(request.host()).is_none()
    }

    #[test]
    fn an_exception_is_for_a_name_and_all_under_it() {
        for list in [
            "example.test",
            ".example.test",
            "a.test, Example.Test.",
            " b  example.test",
        ] {
            assert!(excepts(list, "http", "example.test", 80), "{list}");
            assert!(excepts(list, "http", "www.example.test", 80), "{list}");
            assert!(!excepts(list, "http", "badexample.test", 80), "{list}");
            assert!(!excepts(list, "http", "example.test.other", 80), "{list}");
        }
    }

    #[test]
    fn an_exception_may_be_an_address_or_a_network() {
        assert!(excepts("10.0.0.0/8", "http", "10.9.8.7", 80));
        assert!(!excepts("10.0.0.0/8", "http", "11.9.8.7", 80));
        assert!(excepts("192.0.2.1", "http", "192.0.2.1", 80));
        assert!(!excepts("192.0.2.1", "http", "192.0.2.2", 80));
        for list in ["::1", "[::1]", "fe80::/10, ::/64"] {
            assert!(excepts(list, "http", "::1", 80), "{list}");
        }
        assert!(!excepts("::1", "http", "127.0.0.1", 80));
    }

    #[test]
    fn an_exception_may_be_for_one_port() {
        for (list, address) in [("a.test:81", "a.test"), ("[::1]:81", "::1"), ("*:81", "b")] {
            assert!(excepts(list, "http", address, 81), "{list}");
            assert!(!excepts(list, "http", address, 80), "{list}");
        }
    }

    #[test]
    fn an_exception_may_be_for_all() {
        assert!(excepts("*", "http", "example.test", 80));
        assert!(!excepts("", "http", "example.test", 80));
    }

    #[test]
    fn what_is_no_exception_is_an_error_that_shows_it() {
        for wrong in [
            "a.test:",
            "a.test:0",
            "10.0.0.0/33",
            "1.2.3",
            "a b$c",
            "[::1",
        ] {
            let error = Proxies::new().except(wrong).expect_err(wrong).to_string();
            assert!(error.contains("is no exception"), "{error}");
        }
    }

    #[test]
    fn the_proxy_of_the_scheme_goes_before_that_for_all() {
        let proxy = |url: &str| url.parse::<Proxy>().expect("a proxy");
        let proxies = Proxies::new()
            .all(proxy("http://all"))
            .scheme("HTTPS", proxy("http://tls"));
        let of = |scheme| {
            let request = Request::new(scheme, "a.test", 1).expect("a request");
            proxies.of(request.host()).map(ToString::to_string)
        };
        assert_eq!(of("https").as_deref(), Some("http://tls:80"));
        assert_eq!(of("redis").as_deref(), Some("http://all:80"));
        assert_eq!(
            Proxies::new().of(Request::new("x", "a.test", 1).expect("a request").host()),
            None
        );
    }
}
