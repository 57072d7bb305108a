//! The system's resolver.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use dns_lookup::{LookupError, LookupErrorKind};
use socket2::Domain;
use tokio::task::spawn_blocking;

use crate::connect::resolve::{Addresses, Families, Resolve, ResolveError};
use crate::connect::{ConnectError, socket};

/// The system's resolver, which [`Net`](crate::Net) asks by default: `getaddrinfo`, in the threads
/// that the runtime has for what blocks.
///
/// It reads `/etc/hosts`, and whatever else the system is told to, and orders addresses by what
/// the system can reach. It gives no TTL, and cannot be stopped: a lookup holds a thread until the
/// system has given up, which takes some seconds where no server answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    async fn lookup(&self, name: &str, families: Families) -> Result<Addresses, ResolveError> {
        let name = name.to_owned();
        let looked_up = spawn_blocking(move || {
            has_descriptor()?;
            match dns_lookup::lookup_host(&name) {
                Ok(found) => Ok(found.filter(|ip| families.include(ip)).collect()),
                Err(error) => Err(has_descriptor().err().unwrap_or(resolve_error(error))),
            }
        });
        looked_up.await.map_err(ResolveError::new)?
    }

    fn stops_when_dropped(&self) -> bool {
        false
    }
}

/// Whether there is a file descriptor. Without one the system says of any name that there is no such.
fn has_descriptor() -> Result<(), ResolveError> {
    socket::new(Domain::UNIX, None)
        .map(drop)
        .map_err(ResolveError::new)
}

fn resolve_error(error: LookupError) -> ResolveError {
    match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => {
            ResolveError::not_found(io::Error::from(error))
        }
        // What EAGAIN is to a socket, EAI_AGAIN is to a name: it may work a little later.
        LookupErrorKind::Again => {
            let text = error.to_string();
            ResolveError::new(io::Error::new(io::ErrorKind::WouldBlock, text))
        }
        _ => ResolveError::new(io::Error::from(error)),
    }
}

/// The socket address of an address within a zone, whose number only the system knows.
pub(crate) async fn with_zone(
    ip: Ipv6Addr,
    zone: &str,
    port: u16,
) -> Result<SocketAddr, ConnectError> {
    let text = format!("{ip}%{zone}");
    let failed = |error| ConnectError::new("resolve", error).detail(&*text);
    let mut found = tokio::net::lookup_host((&*text, port))
        .await
        .map_err(failed)?;
    let none = || io::Error::new(io::ErrorKind::NotFound, "there is no such zone");
    found.next().ok_or_else(|| failed(none()))
}
