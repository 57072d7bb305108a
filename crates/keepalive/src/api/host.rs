//! The key of limits and reuse.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use crate::Address;
use crate::api::authority::Bracketed;
#[cfg(feature = "proxy")]
use crate::connect::Proxy;
#[cfg(feature = "tls")]
use crate::connect::tls::Tls;
use crate::runtime::HashKey;

// One key for the process: equal hosts have equal hashes everywhere, and nobody outside can choose
// collisions.
static HASHER: LazyLock<HashKey> = LazyLock::new(HashKey::default);

/// A scheme, an address and a port, with a partition or TLS settings if the request has them.
///
/// Limits are counted per host, and a connection is reused for its own host only. Schemes and names
/// are compared without case, and names without a trailing dot, so all spellings of a host share
/// its connections. Two partitions of the same scheme, address and port are two hosts; so are two
/// requests with different TLS settings of their own. A proxy that forwards requests is a host too,
/// distinct from a server at the same address.
///
/// Cloning, comparing and hashing are cheap: the hash is computed once.
///
/// # Examples
///
/// ```
/// use keepalive::Request;
///
/// let request = Request::new("HTTP", "[0:0:0:0:0:0:0:1]", 80)?;
/// let host = request.host().clone();
/// assert_eq!(host.to_string(), "http://[::1]:80");
/// assert_eq!(&host, Request::new("http", "::1", 80)?.host());
/// # Ok::<(), keepalive::RequestError>(())
/// ```
#[derive(Clone)]
pub struct Host(Arc<Hashed>);

impl Host {
    pub(crate) fn new(scheme: &str, address: Address, port: u16) -> Self {
        Self::from_parts(Parts {
            scheme: scheme.to_ascii_lowercase().into(),
            address,
            port,
            apart: None,
        })
    }

    /// The same host in another partition.
    pub(crate) fn with_partition(&self, label: String) -> Self {
        self.set_apart(|apart| apart.partition = Some(label.into()))
    }

    /// The same host, with these TLS settings.
    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(&self, tls: Tls) -> Self {
        self.set_apart(|apart| apart.tls = Some(tls))
    }

    /// The same host, as a proxy that forwards requests.
    #[cfg(feature = "proxy")]
    pub(crate) fn with_proxy(&self, proxy: Proxy) -> Self {
        self.set_apart(|apart| apart.proxy = Some(proxy))
    }

    fn set_apart(&self, set: impl FnOnce(&mut Apart)) -> Self {
        let mut parts = self.0.parts.clone();
        set(parts.apart.get_or_insert_default());
        Self::from_parts(parts)
    }

    /// The scheme, in lower case.
    pub fn scheme(&self) -> &str {
        &self.0.parts.scheme
    }

    /// The address, in the one form that all its spellings share.
    pub fn address(&self) -> &Address {
        &self.0.parts.address
    }

    /// The port; 0 for a unix socket, which has none.
    pub fn port(&self) -> u16 {
        self.0.parts.port
    }

    /// The label of the partition, if the request has one.
    ///
    /// The empty label is a valid label, and differs from none.
    pub fn partition(&self) -> Option<&str> {
        self.0.parts.apart.as_deref()?.partition.as_deref()
    }

    /// The TLS settings of the request, if it has its own.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<&Tls> {
        self.0.parts.apart.as_deref()?.tls.as_ref()
    }

    /// The proxy at this host, if it forwards HTTP requests: see
    /// [`Proxy::host`](crate::Proxy::host).
    #[cfg(feature = "proxy")]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.0.parts.apart.as_deref()?.proxy.as_ref()
    }

    /// Equal for equal hosts within one process; it differs between processes.
    #[inline]
    pub(crate) fn hash_value(&self) -> u64 {
        self.0.hash
    }

    /// Whether both are the same record: cheaper than comparing the hosts.
    #[inline]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn from_parts(parts: Parts) -> Self {
        let hash = HASHER.hash_one(&parts);
        Self(Arc::new(Hashed { hash, parts }))
    }
}

impl PartialEq for Host {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.0.hash == other.0.hash && self.0.parts == other.0.parts
    }
}

impl Eq for Host {}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash_value());
    }
}

/// Writes `http://127.0.0.1:80`, `http://[::1]:80` or `unix:/run/x.sock`; then, if present, the
/// partition, the mark of a proxy and the number of the TLS settings.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, address, port) = (self.scheme(), self.address(), self.port());
        match address {
            // A leading `//` would read as the start of a URL's authority.
            Address::Path(path) if path.as_os_str().as_encoded_bytes().starts_with(b"//") => {
                write!(f, "{scheme}://{address}")?;
            }
            Address::Path(_) => write!(f, "{scheme}:{address}")?,
            address => write!(f, "{scheme}://{}:{port}", Bracketed(address))?,
        }
        if let Some(label) = self.partition() {
            write!(f, " (partition {label:?})")?;
        }
        #[cfg(feature = "proxy")]
        if self.proxy().is_some() {
            f.write_str(" (proxy)")?;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls() {
            write!(f, " (TLS settings {})", tls.number())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({self})")
    }
}

struct Hashed {
    hash: u64,
    parts: Parts,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Parts {
    scheme: Box<str>,
    address: Address,
    port: u16,
    apart: Option<Box<Apart>>,
}

/// The parts that separate a host from others of the same scheme, address and port. Most hosts have
/// none.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Apart {
    partition: Option<Box<str>>,
    #[cfg(feature = "proxy")]
    proxy: Option<Proxy>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn host(scheme: &str, address: &str, port: u16) -> Host {
        Host::new(scheme, Address::parse(address).unwrap(), port)
    }

    #[test]
    fn a_path_with_two_slashes_in_front_is_read_as_it_is_written() {
        let request = crate::Request::unix("//run/x.sock").unwrap();
        let shown = request.host().to_string();
        assert_eq!(shown, "unix:////run/x.sock");
        assert_eq!(
            shown.parse::<crate::Request>().unwrap().host(),
            request.host()
        );
    }

    #[test]
    fn every_part_tells_hosts_apart() {
        let a = host("http", "127.0.0.1", 80);
        let others = [
            host("ws", "127.0.0.1", 80),
            host("http", "127.0.0.2", 80),
            host("http", "::ffff:127.0.0.1", 80),
            host("http", "127.0.0.1", 81),
            a.with_partition(String::new()),
            a.with_partition("blue".into()),
        ];
        let all: std::collections::HashSet<&Host> = others.iter().chain([&a]).collect();
        assert_eq!(all.len(), others.len() + 1);
        assert_eq!(
            a.with_partition("blue".into()),
            a.with_partition("red".into()).with_partition("blue".into())
        );
    }

    #[cfg(feature = "proxy")]
    #[test]
    fn a_proxy_is_another_host_than_a_server_and_than_itself_with_other_credentials() {
        let proxy = |url: &str| url.parse::<Proxy>().unwrap().host();
        let server = host("http", "h.test", 3128);
        let all = [
            proxy("http://h.test:3128"),
            proxy("http://me:secret@h.test:3128"),
            proxy("http://me:other@h.test:3128"),
            proxy("socks5://h.test:3128"),
            proxy("http://h.test:3128").with_partition("blue".into()),
        ];
        let different: std::collections::HashSet<&Host> = all.iter().chain([&server]).collect();
        assert_eq!(different.len(), all.len() + 1);
        assert_eq!(all[1], proxy("http://me:secret@H.test:3128/"));
        assert_eq!(all[1].to_string(), "http://h.test:3128 (proxy)");
    }

    #[test]
    fn display_and_debug() {
        let unix = Host::new(
            "unix",
            Address::from_path(Path::new("/run/x.sock")).unwrap(),
            0,
        );
        let a = host("http", "127.0.0.1", 80);
        for (host, text) in [
            (&a, "http://127.0.0.1:80"),
            (
                &a.with_partition("a\n\"b".into()),
                r#"http://127.0.0.1:80 (partition "a\n\"b")"#,
            ),
            (
                &a.with_partition(String::new()),
                r#"http://127.0.0.1:80 (partition "")"#,
            ),
            (&host("http", "::1", 80), "http://[::1]:80"),
            (
                &host("http", "fe80::1%eth0", 80),
                "http://[fe80::1%eth0]:80",
            ),
            (
                &host("https", "Example.test", 443),
                "https://example.test:443",
            ),
            (&unix, "unix:/run/x.sock"),
        ] {
            assert_eq!(host.to_string(), text);
            assert_eq!(format!("{host:?}"), format!("Host({text})"));
        }
    }
}
