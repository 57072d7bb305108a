//! From names to addresses, by the system's resolver.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use keepalive_engine::planted;
use smallvec::{SmallVec, smallvec};
use tokio::sync::SetOnce;

use crate::address::Address;
use crate::connect::{Attempt, ConnectError};
use crate::sync::{Arc, Mutex};

/// What a name's owner may make us hold and try.
const MOST_ADDRESSES: usize = 64;

/// Where an attempt may connect to: one place for most.
pub(crate) type Sockets = SmallVec<[SocketAddr; 1]>;

pub(crate) type Addresses = Result<Arc<[IpAddr]>, ConnectError>;

/// Resolves names. All who ask for one name at the same time share one lookup; nothing is kept
/// after that.
///
/// A lookup goes on when those who asked are gone, so that one name never has two: the system's
/// resolver cannot be stopped, and each call of it holds a thread.
#[derive(Default)]
pub(crate) struct Resolver {
    lookups: Arc<Lookups>,
}

type Lookups = Mutex<HashMap<Box<str>, Arc<SetOnce<Addresses>>>>;

impl Resolver {
    /// The socket addresses of an attempt's host.
    pub(crate) async fn resolve(&self, attempt: &Attempt) -> Result<Sockets, ConnectError> {
        let port = attempt.host().port();
        // What has to wait is boxed, or every attempt would be as large.
        match attempt.host().address() {
            Address::Ip(ip) => Ok(smallvec![SocketAddr::new(*ip, port)]),
            Address::Zoned(ip, zone) => {
                let text = format!("{ip}%{zone}");
                Ok(Box::pin(system_lookup(&text, port)).await?.into())
            }
            Address::Name(name) => {
                let addresses = Box::pin(self.share_lookup(name)).await?;
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

    async fn share_lookup(&self, name: &str) -> Addresses {
        let (addresses, begun) = self.join(name);
        if let Some(lookup) = begun {
            // Within an attempt there is a runtime.
            tokio::spawn(lookup.run());
        }
        addresses.wait().await.clone()
    }

    /// Where the addresses of a name will be, and the lookup, if it is to be run.
    pub(crate) fn join(&self, name: &str) -> (Arc<SetOnce<Addresses>>, Option<Lookup>) {
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
    addresses: Arc<SetOnce<Addresses>>,
}

impl Lookup {
    async fn run(self) {
        let found = system_lookup(&self.name, 0).await;
        self.end(found.map(|found| found.iter().map(SocketAddr::ip).collect()));
    }

    pub(crate) fn end(&self, result: Addresses) {
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
