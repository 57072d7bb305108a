//! Name resolution: the trait of resolvers, and the lookups and answers shared by all requests.

pub(crate) mod address_watch;
mod cache;
#[cfg(feature = "hickory-dns")]
pub(crate) mod hickory;
pub(crate) mod lookup;
pub(crate) mod names;
pub(crate) mod resolver;
pub(crate) mod system;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use crate::connect::ConnectError;

pub(crate) use address_watch::AddressWatch;
pub(crate) use resolver::{Resolver, Settings};

/// Bound on the addresses that the owner of a name can make us store and try (X1).
const MOST_ADDRESSES: usize = 64;

/// Looks up the addresses of names, for [`NetConnector::resolver`](crate::NetConnector::resolver).
///
/// `NetConnector` does the rest: concurrent requests for a name share one lookup, its answer is
/// kept for a while, and the number of concurrent lookups is bounded. A panic fails the lookup. A
/// lookup that never ends makes its requests time out.
///
/// # Cancel safety
///
/// The future of a lookup may be dropped at any await point when no request waits for it any more,
/// unless [`stops_when_dropped`](Self::stops_when_dropped) returns false.
///
/// # Examples
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use std::time::Duration;
///
/// use keepalive::{Addresses, Families, Manager, NetConnector, Resolve, ResolveError};
///
/// /// Knows the services of a cluster.
/// struct Cluster;
///
/// impl Resolve for Cluster {
///     async fn lookup(&self, name: &str, _: Families) -> Result<Addresses, ResolveError> {
///         match name.strip_suffix(".cluster.test") {
///             Some("billing") => {
///                 let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
///                 Ok(Addresses::new([address]).valid_for(Duration::from_secs(5)))
///             }
///             _ => Err(ResolveError::not_found("no such service")),
///         }
///     }
/// }
///
/// let manager = Manager::builder().connector(NetConnector::new().resolver(Cluster)).build()?;
/// # Ok::<(), keepalive::ConfigError>(())
/// ```
pub trait Resolve: Send + Sync + 'static {
    /// Looks up the addresses of a name, in order of preference.
    ///
    /// The name is in lower case and has no trailing dot. Addresses of other families than the
    /// requested ones are ignored.
    ///
    /// # Errors
    ///
    /// [`ResolveError::not_found`] if the name has no such address; this answer is kept for two
    /// seconds. Any other error counts as temporary, and the next request for the name starts a new
    /// lookup.
    fn lookup(
        &self,
        name: &str,
        families: Families,
    ) -> impl Future<Output = Result<Addresses, ResolveError>> + Send;

    /// Whether IPv4 and IPv6 need separate lookups, so that the first answer can be used before the
    /// other arrives.
    ///
    /// Called once, when `NetConnector` receives the resolver. The default is no: one lookup is for
    /// [`Families::Both`].
    fn asks_separately(&self) -> bool {
        false
    }

    /// Whether a lookup ends when its future is dropped.
    ///
    /// If not, for example because it blocks a thread, `NetConnector` awaits the lookup to its end,
    /// even if no request waits for it any more. It then counts as one of the concurrent lookups,
    /// and its answer is kept. The default is yes.
    fn stops_when_dropped(&self) -> bool {
        true
    }
}

/// The address families of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Families {
    /// IPv4 alone: A records.
    V4,
    /// IPv6 alone: AAAA records.
    V6,
    /// IPv4 and IPv6.
    Both,
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
            Self::Both => "IPv4 or IPv6",
        })
    }
}

impl Families {
    pub(crate) fn include(self, address: &IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
            Self::Both => true,
        }
    }
}

/// The addresses of a name, with their time to live.
///
/// It holds the first 64 distinct addresses, in their order, and drops the others.
///
/// # Examples
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use keepalive::Addresses;
///
/// let address = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
/// let addresses = Addresses::new([address(2), address(1), address(2)]);
/// assert_eq!(addresses.as_slice(), [address(2), address(1)]);
/// ```
#[derive(Clone, Debug)]
pub struct Addresses {
    list: Vec<IpAddr>,
    /// Whether no address was dropped.
    whole: bool,
    valid_for: Option<Duration>,
}

impl Addresses {
    /// These addresses, in order of preference, without a time to live.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut list = Vec::new();
        let mut whole = true;
        for address in addresses {
            if list.contains(&address) {
                continue;
            }
            if list.len() == MOST_ADDRESSES {
                whole = false;
                break;
            }
            list.push(address);
        }
        Self {
            list,
            whole,
            valid_for: None,
        }
    }

    /// Sets the time to live, as in the TTL of a DNS record.
    ///
    /// With zero, only requests that wait for this lookup use them. More than five minutes counts
    /// as five minutes.
    #[must_use]
    pub fn valid_for(mut self, time: Duration) -> Self {
        self.valid_for = Some(time);
        self
    }

    /// The addresses, in order of preference.
    pub fn as_slice(&self) -> &[IpAddr] {
        &self.list
    }
}

impl FromIterator<IpAddr> for Addresses {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        Self::new(addresses)
    }
}

/// Why a lookup failed.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct ResolveError {
    not_found: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl ResolveError {
    /// A temporary failure: the next request for the name starts a new lookup.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            not_found: false,
            source: source.into(),
        }
    }

    /// The name does not exist, or has no address of the requested families. Requests for it in the
    /// next two seconds get the same answer.
    pub fn not_found(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            not_found: true,
            source: source.into(),
        }
    }

    /// Whether the name does not exist, or has no address of the requested families.
    pub fn is_not_found(&self) -> bool {
        self.not_found
    }

    fn no_address(families: Families) -> Self {
        Self::not_found(io::Error::new(
            io::ErrorKind::NotFound,
            match families {
                Families::V4 => "the name has no IPv4 address",
                Families::V6 => "the name has no IPv6 address",
                Families::Both => "the name has no address",
            },
        ))
    }

    pub(crate) fn of(self, name: &str) -> ConnectError {
        ConnectError::new("resolve", self.source).detail(name)
    }
}

impl From<io::Error> for ResolveError {
    /// A temporary failure.
    fn from(error: io::Error) -> Self {
        Self::new(error)
    }
}

type Looking<'a> = Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send + 'a>>;

/// A type-erased [`Resolve`].
pub(crate) trait AnyResolve: Send + Sync {
    fn lookup_any<'a>(&'a self, name: &'a str, families: Families) -> Looking<'a>;
    fn asks_separately(&self) -> bool;
    fn stops_when_dropped(&self) -> bool;
}

impl<R: Resolve> AnyResolve for R {
    fn lookup_any<'a>(&'a self, name: &'a str, families: Families) -> Looking<'a> {
        Box::pin(self.lookup(name, families))
    }

    fn asks_separately(&self) -> bool {
        Resolve::asks_separately(self)
    }

    fn stops_when_dropped(&self) -> bool {
        Resolve::stops_when_dropped(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn sixty_four_addresses_are_held_and_more_are_noted() {
        let many = |count: u32| Addresses::new((0..count).map(|n| Ipv4Addr::from(n).into()));
        assert!(many(64).whole && many(64).list.len() == 64);
        assert!(!many(65).whole && many(65).list.len() == 64);
        let endless = std::iter::successors(Some(0_u32), |n| n.checked_add(1));
        let held = Addresses::new(endless.map(|n| Ipv4Addr::from(n).into()));
        assert_eq!(held.as_slice(), many(1000).as_slice());
    }
}
