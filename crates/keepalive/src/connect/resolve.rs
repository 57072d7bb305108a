//! From names to addresses, by the system's resolver.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::sync::OnceCell;

use crate::address::Address;
use crate::connect::{Attempt, ConnectError};
use crate::sync::{Arc, Mutex};

/// What a name's owner may make us hold and try.
const MOST_ADDRESSES: usize = 64;

type Lookup = OnceCell<Result<Arc<[IpAddr]>, ConnectError>>;

/// Resolves names. All who ask for one name at the same time share one lookup; nothing is kept
/// after that.
#[derive(Default)]
pub(crate) struct Resolver {
    lookups: Mutex<HashMap<Box<str>, Arc<Lookup>>>,
}

impl Resolver {
    /// The socket addresses of an attempt's host.
    pub(crate) async fn resolve(&self, attempt: &Attempt) -> Result<Vec<SocketAddr>, ConnectError> {
        let port = attempt.host().port();
        match attempt.host().address() {
            Address::Ip(ip) => Ok(vec![SocketAddr::new(*ip, port)]),
            Address::Zoned(ip, zone) => system_lookup(&format!("{ip}%{zone}"), port).await,
            Address::Name(name) => {
                let addresses = self.share_lookup(name).await?;
                let sockets = addresses.iter().map(|&ip| SocketAddr::new(ip, port));
                Ok(sockets.collect())
            }
            _ => {
                let error = io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a path is only for scheme unix",
                );
                Err(ConnectError::new("resolve", error))
            }
        }
    }

    async fn share_lookup(&self, name: &str) -> Result<Arc<[IpAddr]>, ConnectError> {
        let lookup = {
            let mut lookups = self.lookups.lock();
            Arc::clone(lookups.entry(name.into()).or_default())
        };
        // Should the one who looks up be cancelled, the next who waits takes over.
        let sharing = Sharing {
            resolver: self,
            name,
            lookup: &lookup,
        };
        let result = lookup
            .get_or_init(|| async {
                let found = system_lookup(name, 0).await?;
                Ok(found.iter().map(SocketAddr::ip).collect())
            })
            .await
            .clone();
        drop(sharing);
        result
    }
}

/// Forgets a lookup when it has ended, or when the last who waited for it has gone.
struct Sharing<'a> {
    resolver: &'a Resolver,
    name: &'a str,
    lookup: &'a Arc<Lookup>,
}

impl Drop for Sharing<'_> {
    fn drop(&mut self) {
        let mut lookups = self.resolver.lookups.lock();
        // One handle in the map, one here: whoever else waits holds another.
        let last = Arc::strong_count(self.lookup) <= 2;
        let ours = lookups
            .get(self.name)
            .is_some_and(|known| Arc::ptr_eq(known, self.lookup));
        if ours && (last || self.lookup.initialized()) {
            lookups.remove(self.name);
        }
    }
}

async fn system_lookup(name: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    let failed = |error: io::Error| ConnectError::new("resolve", error).detail(name.to_owned());
    let found = tokio::net::lookup_host((name, port))
        .await
        .map_err(failed)?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found.take(MOST_ADDRESSES) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        let none = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(failed(none));
    }
    Ok(addresses)
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("lookups", &self.lookups.lock().len())
            .finish()
    }
}
