//! The steps on the way to a host that the default connector reports.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

#[cfg(feature = "proxy")]
use crate::connect::proxy::Proxy;
use crate::connect::resolve::Families;
use crate::connect::{Attempt, ConnectError};
use crate::sync::Arc;

/// One step on the way to a host, see [`NetConnector::observe`](crate::NetConnector::observe).
///
/// In a race, lookups and connections run in parallel. The first established connection ends the
/// race, and the others are abandoned without a further event. The same happens when the attempt
/// fails or is withdrawn.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum PathEvent<'a> {
    /// The connection goes through this proxy. The addresses that follow are the proxy's.
    #[cfg(feature = "proxy")]
    ByProxy(&'a Proxy),
    /// A lookup of the addresses of a name is needed.
    LookingUp {
        /// The name of the host or of its proxy.
        name: &'a str,
        /// The address families.
        families: Families,
    },
    /// The addresses are known.
    Found {
        /// The name.
        name: &'a str,
        /// The address families.
        families: Families,
        /// The source of the addresses.
        origin: Origin,
        /// In the resolver's order, which may differ from the order of the connections.
        addresses: &'a [IpAddr],
    },
    /// The name has no addresses, or the lookup failed.
    NotFound {
        /// The name.
        name: &'a str,
        /// The address families.
        families: Families,
        /// The source of the answer.
        origin: Origin,
        /// The error of the resolver.
        error: &'a ConnectError,
    },
    /// A TCP connection to this address begins.
    Connecting(SocketAddr),
    /// The TCP connection to this address is established.
    Connected(SocketAddr),
    /// The TCP connection to this address failed. If no local address fits it, it fails without
    /// [`Connecting`](Self::Connecting).
    Failed(SocketAddr, &'a ConnectError),
}

/// The source of the addresses of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The [settings](crate::NetConnector::resolve_to_addrs).
    Given,
    /// An earlier lookup whose answer is still valid.
    Kept,
    /// A lookup that this attempt waited for, perhaps along with others.
    LookedUp,
}

pub(crate) type Tell = dyn Fn(&Attempt, PathEvent<'_>) + Send + Sync;

/// The observer, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Observer(pub(crate) Option<Arc<Tell>>);

impl Observer {
    pub(crate) fn tell(&self, attempt: &Attempt, event: PathEvent<'_>) {
        if let Some(tell) = &self.0 {
            tell(attempt, event);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Some" } else { "None" })
    }
}
