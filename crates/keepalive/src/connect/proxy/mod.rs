//! Proxies: servers that connect to a host for their clients.

mod environment;
mod http;
mod route;
mod rules;
mod socks;

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::api::address::Address;
use crate::api::authority::{self, Bracketed};
use crate::api::host::Host;
use crate::api::request::Request;
use crate::connect::forward::Forwarder;
#[cfg(feature = "tls")]
use crate::connect::tls::Tls;

pub use rules::Proxies;

/// A proxy, parsed from its URL: `http://proxy:3128`, `socks5://user:password@proxy`. A URL without
/// a scheme, such as `proxy:3128`, is one of `http`.
///
/// | scheme | protocol | names are resolved | port by default |
/// |---|---|---|---|
/// | `http` | HTTP, see below | by the proxy | 80 |
/// | `https` | HTTP over TLS, with the feature `tls` | by the proxy | 443 |
/// | `socks5` | SOCKS 5 (RFC 1928) | here | 1080 |
/// | `socks5h` | SOCKS 5 | by the proxy | 1080 |
///
/// Through an HTTP proxy, a connection is a tunnel to its host (`CONNECT`, RFC 9110 section 9.3.6).
/// Many proxies allow tunnels to some ports only, often just 443. So `keepalive_http::Client` uses
/// no tunnel for scheme `http`. Like curl and browsers, it sends the whole URL to the proxy, which
/// forwards the request (RFC 9112 section 3.2.2). The proxy's [`host`](Self::host) is then the key
/// of limits and reuse. [`tunnel`](Self::tunnel) chooses tunnels for all schemes.
///
/// User and password may be percent-encoded. They are sent as Basic credentials (RFC 7617) or by
/// RFC 1929, and appear in no error, log or `Debug`. The password may be empty. Only `https`
/// encrypts the exchange with the proxy.
///
/// The answer to `CONNECT` may have any number of headers, and interim answers (1xx) before it, up
/// to 64 KiB in total. A successful answer has no body, whatever its header says.
///
/// # Examples
///
/// ```
/// use keepalive::{Manager, NetConnector, Proxy};
///
/// let proxy: Proxy = "socks5h://user:secret@127.0.0.1:1080".parse()?;
/// assert_eq!(proxy.to_string(), "socks5h://127.0.0.1:1080");
/// let manager = Manager::builder().connector(NetConnector::new().proxy(proxy)).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    protocol: Protocol,
    address: Address,
    port: u16,
    credentials: Option<Arc<Credentials>>,
    tunnels: bool,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Protocol {
    Http,
    /// HTTP over TLS.
    #[cfg(feature = "tls")]
    Https,
    /// This crate resolves names.
    Socks5,
    /// The proxy resolves names.
    Socks5h,
}

#[derive(PartialEq, Eq, Hash)]
struct Credentials {
    user: String,
    password: String,
}

impl Proxy {
    /// Whether requests of scheme `http` use a tunnel too, although the proxy could forward them.
    /// Default no.
    ///
    /// With a tunnel, each server is a host of its own, whose connections are counted and reused
    /// separately. The proxy does not receive the requests. The proxy must allow tunnels to port
    /// 80.
    #[must_use]
    pub fn tunnel(mut self, tunnel: bool) -> Self {
        self.tunnels = tunnel;
        self
    }

    /// The host of the connections to this proxy that carry forwarded requests.
    ///
    /// Each such connection serves requests to many servers, one after the other. `max_per_host`
    /// limits the connections to the proxy, for all of these servers together, unless
    /// [`max_per_host_of`](crate::ManagerBuilder::max_per_host_of) sets another limit for this host. The
    /// partition of a request is a partition of this host. A server at the same address, or the
    /// proxy with other credentials, is another host.
    ///
    /// # Examples
    ///
    /// ```
    /// use keepalive::{Manager, NetConnector, Proxy};
    ///
    /// let proxy: Proxy = "http://proxy.internal:3128".parse()?;
    /// assert_eq!(proxy.host().to_string(), "http://proxy.internal:3128 (proxy)");
    /// let manager = Manager::builder()
    ///     .max_per_host_of(&proxy.host(), 32)
    ///     .connector(NetConnector::new().proxy(proxy))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn host(&self) -> Host {
        let host = Host::new(self.protocol.scheme(), self.address.clone(), self.port);
        #[cfg(feature = "tls")]
        let host = match &self.tls {
            Some(tls) => host.with_tls(tls.clone()),
            None => host,
        };
        host.with_proxy(self.clone())
    }

    /// The TLS settings of the connection to the proxy, if its scheme is `https`. Default: those of
    /// the connector for `https`.
    ///
    /// The proxy is offered HTTP/1.1 only, whatever the settings say. A tunnel to a host of `https`
    /// is encrypted again, with the settings of that host.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// This proxy as a forwarder of HTTP requests, if it forwards them.
    pub(crate) fn forwarder(&self) -> Option<Forwarder> {
        let is_socks = matches!(self.protocol, Protocol::Socks5 | Protocol::Socks5h);
        (!is_socks && !self.tunnels).then(|| {
            let credentials = self.credentials.as_deref();
            Forwarder::new(
                Request::to_host(self.host()),
                credentials.map(Credentials::basic),
            )
        })
    }
}

/// Reads bytes of a proxy's answer.
async fn read<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    read_into(stream, &mut bytes).await?;
    Ok(bytes)
}

async fn read_into(stream: &mut (impl AsyncRead + Unpin), bytes: &mut [u8]) -> io::Result<()> {
    let read = stream.read_exact(bytes).await;
    read.map(drop).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            let text = "the proxy closed the connection before it had answered";
            io::Error::new(error.kind(), text)
        }
        _ => error,
    })
}

impl Protocol {
    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            #[cfg(feature = "tls")]
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(url: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = match url.split_once("://") {
            // The text before `://` may also be the beginning of credentials.
            Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                (scheme, rest)
            }
            _ => ("http", url),
        };
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Protocol::Http, 80),
            #[cfg(feature = "tls")]
            "https" => (Protocol::Https, 443),
            "socks5" => (Protocol::Socks5, 1080),
            "socks5h" => (Protocol::Socks5h, 1080),
            other => return Err(Fault::Scheme(other.to_owned()).into()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, server) = match rest.rsplit_once('@') {
            Some((credentials, server)) => (Some(Credentials::parse(credentials)?), server),
            None => (None, rest),
        };
        if server.contains(['/', '?', '#']) {
            return Err(Fault::Path.into());
        }
        let (address, port) = split_port(server)?;
        let address = Address::parse(address).map_err(|fault| Fault::Address(fault.to_string()))?;
        Ok(Self {
            protocol,
            address,
            port: port.unwrap_or(default_port),
            credentials: credentials.map(Arc::new),
            tunnels: false,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }
}

/// Splits `host`, `host:port`, `[::1]` or `[::1]:port`.
fn split_port(server: &str) -> Result<(&str, Option<u16>), Fault> {
    let (address, port) = authority::split(server);
    let port = port.map(|port| match authority::digits(port) {
        Some(number @ 1..) => Ok(number),
        _ if port.contains(':') => Err(Fault::Address(authority::COLONS.to_owned())),
        _ => Err(Fault::Port),
    });
    Ok((address, port.transpose()?))
}

impl Credentials {
    fn parse(text: &str) -> Result<Self, Fault> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let decode = |part| {
            let part = percent_decode_str(part).decode_utf8();
            part.map(String::from).map_err(|_| Fault::Credentials)
        };
        let (user, password) = (decode(user)?, decode(password)?);
        // RFC 7617, section 2; RFC 1929, section 2.
        let wrong = |text: &str| text.len() > 255 || text.chars().any(char::is_control);
        if user.is_empty() || user.contains(':') || wrong(&user) || wrong(&password) {
            return Err(Fault::Credentials);
        }
        Ok(Self { user, password })
    }

    /// The value of a header (RFC 7617).
    fn basic(&self) -> String {
        let encoded = BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password));
        format!("Basic {encoded}")
    }
}

/// Writes the URL without its credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.protocol.scheme())?;
        write!(f, "{}:{}", Bracketed(&self.address), self.port)
    }
}

/// Shows whether there are credentials, but not the credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("url", &format_args!("{self}"))
            .field("credentials", &self.credentials.is_some())
            .field("tunnels", &self.tunnels)
            .finish()
    }
}

/// Why a text is not a proxy or not a rule for one. It never contains credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct ProxyError {
    fault: Fault,
}

impl From<Fault> for ProxyError {
    fn from(fault: Fault) -> Self {
        Self { fault }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("{0:?} is no scheme of a proxy; http, https, socks5 and socks5h are")]
    Scheme(String),
    #[error("a proxy's URL ends with its port: it has no path, query or fragment")]
    Path,
    #[error("the port of a proxy is a number from 1 to 65535")]
    Port,
    #[error("the address of a proxy is wrong: {0}")]
    Address(String),
    #[error(
        "user and password of a proxy are at most 255 bytes of text each, without control \
         characters, and the user has no ':' and is not empty; other signs are given as %XX"
    )]
    Credentials,
    #[error(
        "{0:?} is no exception from proxies: a name, an address, a network such as 10.0.0.0/8, \
         each with or without a port, or *"
    )]
    Exception(String),
    #[error("the environment variable {variable} is wrong: {fault}")]
    Environment {
        variable: &'static str,
        fault: Box<Fault>,
    },
    #[error("it is not Unicode")]
    NotUnicode,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str) -> Result<Proxy, String> {
        url.parse().map_err(|error: ProxyError| error.to_string())
    }

    #[test]
    fn a_url_is_a_proxy() {
        for (url, written) in [
            ("http://proxy", "http://proxy:80"),
            ("HTTP://Proxy.Test.:3128/", "http://proxy.test:3128"),
            ("socks5://127.0.0.1", "socks5://127.0.0.1:1080"),
            ("socks5h://[::1]:9", "socks5h://[::1]:9"),
            ("http://[::1]", "http://[::1]:80"),
            #[cfg(feature = "tls")]
            ("https://proxy", "https://proxy:443"),
            ("http://user:p%40ss@proxy:1", "http://proxy:1"),
            ("proxy", "http://proxy:80"),
            ("proxy:3128/", "http://proxy:3128"),
            ("user:pass@127.0.0.1:3128", "http://127.0.0.1:3128"),
            ("[::1]:9", "http://[::1]:9"),
            ("user:a://b@proxy", "http://proxy:80"),
        ] {
            assert_eq!(
                proxy(url).map(|proxy| proxy.to_string()),
                Ok(written.to_owned())
            );
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let secret = proxy("http://us%65r:s%3acret:@proxy").expect("a proxy");
        let credentials = secret.credentials.as_ref().expect("there are some");
        assert_eq!(
            (&*credentials.user, &*credentials.password),
            ("user", "s:cret:")
        );
        for shown in [format!("{secret:?}"), secret.to_string()] {
            assert!(
                !shown.contains("user") && !shown.contains("cret"),
                "{shown}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_credentials() {
        for (url, said) in [
            ("", "address"),
            ("secret:secret@proxy:x", "port"),
            ("secret:://secret@proxy:x", "port"),
            ("ftp://proxy", "\"ftp\" is no scheme"),
            ("http://proxy:0", "port"),
            ("http://proxy:65536", "port"),
            ("http://proxy:", "port"),
            ("http://proxy:+1", "port"),
            ("http://secret:secret@proxy:x", "port"),
            ("http://secret:secret@", "address"),
            ("http://secret:secret@1.2.3.4.5", "address"),
            ("http://proxy/path", "no path"),
            ("http://:secret@proxy", "user"),
            ("http://secret%00:x@proxy", "user"),
            ("http://secret%FF:x@proxy", "user"),
            ("http://secret%0d%0a:x@proxy", "user"),
        ] {
            let error = proxy(url).expect_err(url);
            assert!(error.contains(said), "{url}: {error}");
            assert!(!error.contains("secret"), "{url}: {error}");
        }
    }
}
