//! The contenders: one small trait, and an implementation for each pool.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::payload::Opener;

mod bb8;
mod bound;
mod deadpool;
mod hyper_util;
mod keepalive;
mod per_host;
mod pingora;
mod semaphore;

pub use self::bb8::Bb8;
pub use self::bound::{LockedMap, LockedVec};
pub use self::deadpool::Deadpool;
pub use self::hyper_util::HyperUtil;
pub use self::keepalive::Keepalive;
pub use self::per_host::PerHost;
pub use self::pingora::Pingora;
pub use self::semaphore::Semaphore;

/// A pool as the rows without a network see it.
pub trait Contender: Clone + Send + Sync + 'static {
    /// The name in tables.
    const NAME: &'static str;
    /// The role in the comparison.
    const ROLE: Role;
    /// The value that a user keeps to request a host's connections in a hot loop.
    type Key: Send + Sync + 'static;

    /// A pool with nothing in it. Called within a runtime.
    fn open(setup: &Setup) -> Self;

    /// The key of a host.
    fn key(&self, host: u32) -> Self::Key;

    /// Gets a connection, checks it, awaits `hold` with it in hand, and gives it back.
    fn cycle(
        &self,
        key: &Self::Key,
        hold: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = ()> + Send;
}

/// A pool that lets its users wait.
pub trait Queue: Contender {
    /// Gets a connection and gives it back at once. Nothing is held across an await, so that the
    /// task of a waiter is what the pool makes it.
    fn touch(&self, key: &Self::Key) -> impl Future<Output = ()> + Send;
}

/// The limits of a contender, the same for all that have any.
#[derive(Clone)]
pub struct Setup {
    pub hosts: u32,
    pub per_host: u32,
    pub opener: Opener,
}

impl Setup {
    pub fn new(hosts: u32, per_host: u32) -> Self {
        Self {
            hosts,
            per_host,
            opener: Opener::default(),
        }
    }

    /// Connections of all hosts together.
    pub fn total(&self) -> usize {
        self.hosts as usize * self.per_host as usize
    }
}

/// The role of a contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The least that it can cost: nothing but a lock.
    Bound,
    /// A skeleton that is compared with, but no pool that one would use.
    Yardstick,
    /// Another pool.
    Peer,
    /// This one.
    Ours,
}

/// How long idle connections are kept where a pool has such a setting: longer than any row takes.
pub const KEPT: Duration = Duration::from_secs(3600);

const PORT: u16 = 6379;
const FIRST: u32 = u32::from_be_bytes([10, 0, 0, 1]);

/// The address of a host.
pub fn address(host: u32) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::from_bits(FIRST + host).into(), PORT)
}

/// The host of an address.
pub fn host(address: Ipv4Addr) -> u32 {
    address.to_bits() - FIRST
}
