//! From names to addresses, by the system's resolver.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::sync::SetOnce;

use crate::address::Address;
use crate::connect::{Attempt, ConnectError};
use crate::sync::{Arc, Mutex};

/// What a name's owner may make us hold and try.
const MOST_ADDRESSES: usize = 64;

type Addresses = Result<Arc<[IpAddr]>, ConnectError>;

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

    async fn share_lookup(&self, name: &str) -> Addresses {
        let lookup = {
            let mut lookups = self.lookups.lock();
            if let Some(lookup) = lookups.get(name) {
                Arc::clone(lookup)
            } else {
                let lookup = Arc::new(SetOnce::new());
                lookups.insert(name.into(), Arc::clone(&lookup));
                drop(lookups);
                self.start(name, &lookup);
                lookup
            }
        };
        lookup.wait().await.clone()
    }

    fn start(&self, name: &str, lookup: &Arc<SetOnce<Addresses>>) {
        let guard = LookupGuard {
            lookups: Arc::clone(&self.lookups),
            name: name.into(),
            lookup: Arc::clone(lookup),
        };
        // Within an attempt there is a runtime.
        tokio::spawn(async move {
            let found = system_lookup(&guard.name, 0).await;
            guard.end(found.map(|found| found.iter().map(SocketAddr::ip).collect()));
        });
    }
}

/// Ends a lookup, also when its runtime does.
struct LookupGuard {
    lookups: Arc<Lookups>,
    name: Box<str>,
    lookup: Arc<SetOnce<Addresses>>,
}

impl LookupGuard {
    fn end(&self, result: Addresses) {
        self.lookups.lock().remove(&self.name);
        // Set already only when the guard is dropped after its end.
        let _ = self.lookup.set(result);
    }
}

impl Drop for LookupGuard {
    fn drop(&mut self) {
        if !self.lookup.initialized() {
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
