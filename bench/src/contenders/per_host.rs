//! Pools that know one host only, in a map by address.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

use super::{Contender, Role, Setup, address};

/// A pool of one host's connections.
pub trait OneHost: Contender<Key = u32> {
    /// A pool for `host`.
    fn of_host(setup: &Setup, host: u32) -> Self;
}

/// A pool for each host that has been asked for.
///
/// Hosts come while the program runs, so the map is locked: for reading when the host is known.
#[derive(Clone)]
pub struct PerHost<P> {
    pools: Arc<RwLock<HashMap<SocketAddr, P>>>,
    setup: Setup,
}

impl<P: OneHost> Contender for PerHost<P> {
    const NAME: &'static str = P::NAME;
    const ROLE: Role = P::ROLE;
    type Key = (SocketAddr, u32);

    fn open(setup: &Setup) -> Self {
        Self {
            pools: Arc::default(),
            setup: setup.clone(),
        }
    }

    fn key(&self, host: u32) -> (SocketAddr, u32) {
        (address(host), host)
    }

    async fn cycle(
        &self,
        (address, host): &(SocketAddr, u32),
        hold: impl Future<Output = ()> + Send,
    ) {
        let pool = self.known(address);
        let pool = pool.unwrap_or_else(|| self.new_host(address, *host));
        pool.cycle(host, hold).await;
    }
}

impl<P: OneHost> PerHost<P> {
    fn known(&self, address: &SocketAddr) -> Option<P> {
        self.pools.read().expect(NO_PANIC).get(address).cloned()
    }

    fn new_host(&self, address: &SocketAddr, host: u32) -> P {
        let mut pools = self.pools.write().expect(NO_PANIC);
        let pool = pools.entry(*address);
        pool.or_insert_with(|| P::of_host(&self.setup, host))
            .clone()
    }
}

const NO_PANIC: &str = "nobody panics with the lock held";
