//! From names to addresses, by the system's resolver.

use std::collections::HashMap;
use std::fmt;
use std::io;
#[cfg(feature = "proxy")]
use std::net::IpAddr;
use std::net::{Ipv6Addr, SocketAddr};

use keepalive_engine::{Family, planted};
use tokio::sync::SetOnce;

use crate::connect::ConnectError;
use crate::connect::dial::{self, Found};
use crate::sync::{Arc, Mutex};

/// What a name's owner may make us hold and try.
const MOST_ADDRESSES: usize = 64;

/// Resolves names. All who ask for one name at the same time share one lookup; nothing is kept
/// after that.
///
/// A lookup goes on when those who asked are gone, so that one name never has two: the system's
/// resolver cannot be stopped, and each call of it holds a thread.
#[derive(Default)]
pub(crate) struct Resolver {
    lookups: Arc<Lookups>,
}

type Lookups = Mutex<HashMap<Box<str>, Arc<SetOnce<Found>>>>;

impl Resolver {
    /// The lookups that find the addresses of a name.
    pub(crate) fn lookups(self: &Arc<Self>, name: &str) -> [dial::Lookup; 1] {
        let (resolver, name) = (Arc::clone(self), Box::<str>::from(name));
        [dial::Lookup {
            families: &[Family::V4, Family::V6],
            addresses: Box::pin(async move { resolver.share_lookup(&name).await }),
        }]
    }

    async fn share_lookup(&self, name: &str) -> Found {
        let (addresses, begun) = self.join(name);
        if let Some(lookup) = begun {
            // Within an attempt there is a runtime.
            tokio::spawn(lookup.run());
        }
        addresses.wait().await.clone()
    }

    /// Where the addresses of a name will be, and the lookup, if it is to be run.
    pub(crate) fn join(&self, name: &str) -> (Arc<SetOnce<Found>>, Option<Lookup>) {
        let mut lookups = self.lookups.lock();
        if let Some(addresses) = lookups.get(name) {
            return (Arc::clone(addresses), None);
        }
        if planted!(LookupTwice) {
            drop(lookups);
            lookups = self.lookups.lock();
        }
        let addresses = Arc::new(SetOnce::new());
        lookups.insert(name.into(), Arc::clone(&addresses));
        let lookup = Lookup {
            lookups: Arc::clone(&self.lookups),
            name: name.into(),
            addresses: Arc::clone(&addresses),
        };
        (addresses, Some(lookup))
    }
}

/// The lookup of a name. It ends also when its runtime does.
pub(crate) struct Lookup {
    lookups: Arc<Lookups>,
    name: Box<str>,
    addresses: Arc<SetOnce<Found>>,
}

impl Lookup {
    async fn run(self) {
        let found = system_lookup(&self.name, 0).await;
        self.end(found.map(|found| found.iter().map(SocketAddr::ip).collect()));
    }

    pub(crate) fn end(&self, result: Found) {
        self.lookups.lock().remove(&self.name);
        // Set already only when the guard is dropped after its end.
        let _ = self.addresses.set(result);
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        if !self.addresses.initialized() {
            let error = io::Error::other("the lookup was broken off");
            self.end(Err(ConnectError::new("resolve", error)));
        }
    }
}

/// The first address that lookups find, for who can use but one.
#[cfg(feature = "proxy")]
pub(crate) async fn first(
    lookups: impl IntoIterator<Item = dial::Lookup>,
) -> Result<IpAddr, ConnectError> {
    let mut failed = None;
    for lookup in lookups {
        match lookup.addresses.await {
            Ok(found) if !found.is_empty() => return Ok(found[0]),
            Ok(_) => {}
            Err(error) => failed = Some(error),
        }
    }
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    Err(failed.unwrap_or_else(|| ConnectError::new("resolve", none())))
}

/// The socket address of an address within a zone, whose number only the system knows.
pub(crate) async fn zoned(ip: Ipv6Addr, zone: &str, port: u16) -> Result<SocketAddr, ConnectError> {
    let found = system_lookup(&format!("{ip}%{zone}"), port).await?;
    Ok(found[0])
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
