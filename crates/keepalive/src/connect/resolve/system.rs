//! The system's resolver.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use dns_lookup::{LookupError, LookupErrorKind};
use tokio::task::spawn_blocking;

use crate::connect::resolve::{Addresses, Families, Resolve, ResolveError};
use crate::connect::{ConnectError, platform};

/// The system's resolver, the default of [`NetConnector`](crate::NetConnector): `getaddrinfo`, on
/// the blocking threads of the runtime.
///
/// It uses `/etc/hosts` and the other sources that the system is configured for, and orders
/// addresses by their reachability. It reports no TTL. A lookup cannot be stopped: it occupies a
/// thread until the system gives up, which takes some seconds if no server answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    async fn lookup(&self, name: &str, families: Families) -> Result<Addresses, ResolveError> {
        let name = name.to_owned();
        let looked_up = spawn_blocking(move || {
            // Without a file descriptor, the system reports every name as not found.
            platform::has_descriptor()?;
            match dns_lookup::lookup_host(&name) {
                Ok(found) => Ok(found.filter(|ip| families.include(ip)).collect()),
                Err(error) => {
                    platform::has_descriptor()?;
                    Err(resolve_error(error))
                }
            }
        });
        looked_up.await.map_err(ResolveError::new)?
    }

    fn stops_when_dropped(&self) -> bool {
        false
    }
}

fn resolve_error(error: LookupError) -> ResolveError {
    match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => {
            ResolveError::not_found(io::Error::from(error))
        }
        // EAI_AGAIN is the EAGAIN of names: the lookup may succeed a little later.
        LookupErrorKind::Again => {
            let text = error.to_string();
            ResolveError::new(io::Error::new(io::ErrorKind::WouldBlock, text))
        }
        _ => ResolveError::new(io::Error::from(error)),
    }
}

/// The socket address of an address with a zone; only the system knows the zone's number.
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
