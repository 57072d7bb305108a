//! The local addresses of connections: one for each family, or the system's choice.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use keepalive_engine::Family;

use crate::connect::ConnectError;
use crate::connect::platform::errno;

/// The local addresses to connect from, at most one of each family.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BindAddresses {
    v4: Option<Ipv4Addr>,
    v6: Option<Ipv6Addr>,
}

impl BindAddresses {
    /// Sets the address of its family, in place of an earlier one.
    pub(crate) fn set(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.v4 = Some(address),
            IpAddr::V6(address) => self.v6 = Some(address),
        }
    }

    /// The address to connect to `peer` from; none is the system's choice.
    ///
    /// # Errors
    ///
    /// Of function `bind`, if only the other family has an address.
    pub(crate) fn for_peer(&self, peer: IpAddr) -> Result<Option<IpAddr>, ConnectError> {
        let (v4, v6) = (self.v4.map(IpAddr::from), self.v6.map(IpAddr::from));
        let (own, other) = match Family::of(peer) {
            Family::V4 => (v4, v6),
            Family::V6 => (v6, v4),
        };
        match (own, other) {
            (None, Some(other)) => Err(unreachable_from(other, peer)),
            (own, _) => Ok(own),
        }
    }
}

fn unreachable_from(bound: IpAddr, peer: IpAddr) -> ConnectError {
    let (own, other) = match Family::of(peer) {
        Family::V4 => ("IPv4", "IPv6"),
        Family::V6 => ("IPv6", "IPv4"),
    };
    ConnectError::new("bind", io::Error::from_raw_os_error(errno::EAFNOSUPPORT)).detail(format!(
        "to {bound} for {peer}: no {own} address is set to connect from, only an {other} one"
    ))
}

impl fmt::Debug for BindAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (v4, v6) = (self.v4.map(IpAddr::from), self.v6.map(IpAddr::from));
        f.debug_list().entries(v4).entries(v6).finish()
    }
}
