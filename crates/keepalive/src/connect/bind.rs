//! The local addresses of connections: one for each family, or the system's choice.

use std::fmt;
use std::io;
use std::net::IpAddr;

use crate::connect::ConnectError;
use crate::connect::platform::errno;

/// The local addresses to connect from, at most one of each family.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BindAddresses {
    v4: Option<IpAddr>,
    v6: Option<IpAddr>,
}

impl BindAddresses {
    /// Sets the address of its family, in place of an earlier one.
    pub(crate) fn set(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(_) => self.v4 = Some(address),
            IpAddr::V6(_) => self.v6 = Some(address),
        }
    }

    /// The address to connect to `peer` from; none is the system's choice.
    ///
    /// # Errors
    ///
    /// Of function `bind`, if only the other family has an address.
    pub(crate) fn for_peer(&self, peer: IpAddr) -> Result<Option<IpAddr>, ConnectError> {
        let (own, other, names) = match peer {
            IpAddr::V4(_) => (self.v4, self.v6, ("IPv4", "IPv6")),
            IpAddr::V6(_) => (self.v6, self.v4, ("IPv6", "IPv4")),
        };
        let (None, Some(bound)) = (own, other) else {
            return Ok(own);
        };
        let (own, other) = names;
        let error = io::Error::from_raw_os_error(errno::EAFNOSUPPORT);
        Err(ConnectError::new("bind", error).detail(format!(
            "to {bound} for {peer}: no {own} address is set to connect from, only an {other} one"
        )))
    }
}

impl fmt::Debug for BindAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.v4).entries(self.v6).finish()
    }
}
