//! What the default connector tells of the way to a host, while it is on it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

#[cfg(feature = "proxy")]
use crate::connect::proxy::Proxy;
use crate::connect::resolve::Families;
use crate::connect::{Attempt, ConnectError};
use crate::sync::Arc;

/// One thing that happened on the way to a host, see [`Net::observe`](crate::Net::observe).
///
/// In a race, addresses are being looked up and connected to at the same time. The first that
/// connects ends it: lookups and connections whose end has not been told are given up then, as they
/// are when the attempt fails or is withdrawn.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum PathEvent<'a> {
    /// The host is reached by this proxy. The addresses that are connected to are the proxy's.
    #[cfg(feature = "proxy")]
    ByProxy(&'a Proxy),
    /// The addresses of a name are needed.
    LookingUp {
        /// The host's, or its proxy's.
        name: &'a str,
        /// Which of its addresses.
        families: Families,
    },
    /// They are known.
    Found {
        /// The name.
        name: &'a str,
        /// Which of its addresses.
        families: Families,
        /// Where they come from.
        origin: Origin,
        /// In the resolver's order, which is not that in which they are tried.
        addresses: &'a [IpAddr],
    },
    /// There are none.
    NotFound {
        /// The name.
        name: &'a str,
        /// Which of its addresses.
        families: Families,
        /// Where the answer comes from.
        origin: Origin,
        /// What the resolver said.
        error: &'a ConnectError,
    },
    /// A TCP connection to this address begins.
    Connecting(SocketAddr),
    /// It is there.
    Connected(SocketAddr),
    /// It will not be. One that has no way from the local address fails without having begun.
    Failed(SocketAddr, &'a ConnectError),
}

/// Where the addresses of a name come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// They were [given](crate::Net::resolve).
    Given,
    /// An earlier lookup, whose answer is still good.
    Kept,
    /// A lookup that was waited for, with whoever else did.
    LookedUp,
}

type Tell = dyn Fn(&Attempt, PathEvent<'_>) + Send + Sync;

/// Whoever wants to know of the way, if anybody does.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Tell>>);

impl Observer {
    pub(crate) fn new(tell: impl Fn(&Attempt, PathEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

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
