//! From names to addresses: the trait of whoever looks them up, and what is made of it for all
//! who ask.

mod cache;
#[cfg(feature = "hickory-dns")]
pub(crate) mod hickory;
pub(crate) mod lookup;
pub(crate) mod names;
pub(crate) mod residents;
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

pub(crate) use residents::Residence;
pub(crate) use resolver::Resolver;

/// What a name's owner may make us hold and try (X1).
const MOST_ADDRESSES: usize = 64;

/// Looks up the addresses of names, for [`Net::resolver`](crate::Net::resolver).
///
/// One that is given to `Net` need not care for much: whoever asks for a name while it is being
/// looked up waits for the same lookup, answers are kept for a while, and only so many lookups go
/// on at once. A panic in it fails the lookup, and one that never ends costs its requests their
/// timeout.
///
/// # Cancel safety
///
/// The future of a lookup is dropped when nobody waits for it any more, at any await point, unless
/// [`stops_when_dropped`](Self::stops_when_dropped) says no.
///
/// # Examples
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use std::time::Duration;
///
/// use keepalive::{Addresses, Families, Manager, Net, Resolve, ResolveError};
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
/// let manager = Manager::builder().connector(Net::new().resolver(Cluster)).build()?;
/// # Ok::<(), keepalive::ConfigError>(())
/// ```
pub trait Resolve: Send + Sync + 'static {
    /// Looks up the addresses of a name, those to try first in front.
    ///
    /// The name is in lower case and has no trailing dot. Addresses of other families than those
    /// asked for are passed over.
    ///
    /// # Errors
    ///
    /// [`ResolveError::not_found`] if the name has no such address, which is remembered for a
    /// moment; any other error passes, and the next who asks has the name looked up again.
    fn lookup(
        &self,
        name: &str,
        families: Families,
    ) -> impl Future<Output = Result<Addresses, ResolveError>> + Send;

    /// Whether IPv4 and IPv6 are to be asked for separately, so that the answer that comes first
    /// can be used before the other is there.
    ///
    /// Asked once, when the resolver is given to `Net`. The default is no: one lookup is for
    /// [`Families::Both`].
    fn asks_separately(&self) -> bool {
        false
    }

    /// Whether a lookup ends when its future is dropped.
    ///
    /// If not, as of one that a thread of its own is blocked by, it is awaited to its end although
    /// nobody waits for it any more: it counts as one of the lookups at once, and its answer is
    /// kept. The default is yes.
    fn stops_when_dropped(&self) -> bool {
        true
    }
}

/// Which addresses of a name are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Families {
    /// IPv4 alone: A records.
    V4,
    /// IPv6 alone: AAAA records.
    V6,
    /// All.
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

/// The addresses of a name, and how long they are good for.
///
/// It holds the first 64 that differ, in their order; others are left out.
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
    /// Whether none was left out.
    whole: bool,
    valid_for: Option<Duration>,
}

impl Addresses {
    /// These addresses, those to try first in front. Nothing says how long they are good for.
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

    /// They are good for so long, as the TTL of a DNS record says.
    ///
    /// Zero: only for those who wait for this lookup. More than five minutes counts as that.
    #[must_use]
    pub fn valid_for(mut self, time: Duration) -> Self {
        self.valid_for = Some(time);
        self
    }

    /// The addresses, those to try first in front.
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
#[derive(Debug)]
pub struct ResolveError {
    not_found: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl ResolveError {
    /// A failure that may pass: the next who asks for the name has it looked up again.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            not_found: false,
            source: source.into(),
        }
    }

    /// The name does not exist, or has no address of the families asked for. Whoever asks for it
    /// in the next two seconds is answered the same.
    pub fn not_found(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            not_found: true,
            source: source.into(),
        }
    }

    /// Whether the name does not exist, or has no address of the families asked for.
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

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<io::Error> for ResolveError {
    /// A failure that may pass.
    fn from(error: io::Error) -> Self {
        Self::new(error)
    }
}

type Looking<'a> = Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send + 'a>>;

/// A [`Resolve`] whose type is forgotten.
trait AnyResolve: Send + Sync {
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
