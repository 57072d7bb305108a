//! The driver: it passes inputs to the engines and carries out their actions.
//!
//! A caller takes a shard's lock itself, for one input and its actions. Wakes, spawns, closes and
//! calls into other code happen after the lock is released. No caller holds two shard locks at
//! once, except [`Driver::snapshot`], which takes them in the shards' order. A shard's lock is
//! taken before the budget's.

pub(crate) mod answer;
pub(crate) mod clock;
pub(crate) mod common;
pub(crate) mod deferred;
pub(crate) mod descriptors;
pub(crate) mod home;
pub(crate) mod inputs;
pub(crate) mod lane;
pub(crate) mod live;
mod maintenance;
mod numbers;
pub(crate) mod shard;
pub(crate) mod shared_clock;
mod task;
pub(crate) mod wakeups;
pub(crate) mod watch;

use std::time::Duration;

use keepalive_engine::{Config, ConnectionId, Engine, ShardId, Time};
use keepalive_tsc::TimeStampCounter;

use crate::api::host::Host;
use crate::api::request::Request;
use crate::connect::Connector;
use crate::connect::bind::BindAddresses;
use crate::driver::common::Common;
use crate::driver::deferred::Deferred;
use crate::driver::home::Home;
use crate::driver::numbers::Numbers;
use crate::driver::shard::Shard;
use crate::driver::shared_clock::SharedClock;
use crate::driver::wakeups::Wakeups;
use crate::runtime::{self, Notify};
use crate::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, Padded};

#[repr(align(128))] // keeps fields that all read apart from the handle count that all write
pub(crate) struct Driver<C: Connector> {
    /// No other driver of the process has it.
    number: u64,
    shards: Box<[Padded<Mutex<Shard<C>>>]>,
    /// The counter of the clock, if the system trusts it.
    counter: Option<TimeStampCounter>,
    clock: Padded<SharedClock>,
    pub(crate) common: Common,
    pub(crate) wakeups: Arc<Wakeups>,
    pub(crate) connector: C,
    pub(crate) bind_addresses: BindAddresses,
    /// The timeout of requests that set none.
    pub(crate) timeout: Duration,
    pub(crate) home: Home,
    shut_down: AtomicBool,
    /// Notified when no connection is open after a shutdown.
    all_closed: Notify,
}

/// Stands for "none" among the numbers of runtimes.
const NO_RUNTIME: u64 = 0;

impl<C: Connector> Driver<C> {
    pub(crate) fn new(config: &Config, connector: C, bind_addresses: BindAddresses) -> Self {
        let shards = (0..config.settings().shards).map(ShardId);
        Self {
            number: Numbers::default().next(),
            shards: shards
                .map(|id| Padded(Mutex::new(Shard::new(id, Engine::with_data(config, id)))))
                .collect(),
            counter: runtime::time_stamp_counter(),
            clock: Padded(SharedClock::new()),
            common: Common::new(config),
            wakeups: Arc::new(Wakeups::new()),
            connector,
            bind_addresses,
            timeout: config.settings().timeout,
            home: Home::default(),
            shut_down: AtomicBool::new(false),
            all_closed: Notify::new(),
        }
    }

    /// Sets the limit of a host that has not been requested yet.
    pub(crate) fn limit_host(&self, host: &Host, connections: usize) {
        let hash = host.hash_value();
        let mut shard = self.lock(self.shard_at(hash));
        shard.host(&self.connector, host);
        shard.engine.limit_host(hash, host, connections);
    }

    /// Looks at an idle connection whose watch has fired.
    pub(crate) fn look_at(self: &Arc<Self>, shard: ShardId, id: ConnectionId) {
        self.with_shard(shard, |shard, now, room| shard.look_at(id, now, room));
    }

    pub(crate) fn tick_all(self: &Arc<Self>) {
        self.wakeups.clear_alarm();
        // The clock of inputs may be a little behind the one by which the maintenance task woke up.
        let woken = self.common.now();
        for shard in self.ids() {
            self.with_shard(shard, |shard, now, room| {
                shard.engine.tick(now.max(woken), room);
            });
        }
    }

    /// Refuses requests from now on, and ends everything but leases.
    pub(crate) fn shut_down(self: &Arc<Self>) {
        self.shut_down.store(true, Ordering::Release);
        // Otherwise one shard would use the permits that another releases.
        self.common.freeze();
        for shard in self.ids() {
            self.with_shard(shard, |shard, now, room| shard.engine.shut_down(now, room));
        }
    }

    /// Completes when no connection is open any more, after a shutdown.
    pub(crate) async fn wait_until_closed(&self) {
        loop {
            let closed = self.all_closed.notified();
            if self.common.open() == 0 {
                return;
            }
            closed.await;
        }
    }

    /// The time of an input.
    #[inline]
    pub(crate) fn now(&self) -> Time {
        match self.counter {
            Some(counter) if self.home.has_real_time() => {
                let read = || counter.read();
                self.clock.0.now(read, || self.common.real_time())
            }
            _ => self.common.now(),
        }
    }

    pub(crate) fn lock(&self, shard: ShardId) -> MutexGuard<'_, Shard<C>> {
        self.shards[usize::from(shard.0)].0.lock()
    }

    /// Locks all shards at once, so that their figures are of the same instant.
    pub(crate) fn snapshot<R>(
        self: &Arc<Self>,
        look: impl FnOnce(&[MutexGuard<'_, Shard<C>>]) -> R,
    ) -> R {
        let mut shards: Vec<_> = self.shards.iter().map(|shard| shard.0.lock()).collect();
        for shard in &mut shards {
            shard.call_back(self.now(), &mut self.common.room());
        }
        let result = look(&shards);
        let mut deferred = Deferred::new();
        for shard in shards {
            self.conclude(shard, self.now(), self.common.room(), &mut deferred);
        }
        self.carry_out(&mut deferred);
        result
    }

    /// Checks every invariant. No input may be in progress.
    #[cfg(any(keepalive_loom, keepalive_shuttle))]
    pub(crate) fn check(self: &Arc<Self>) {
        use keepalive_engine::Room as _;

        self.snapshot(|shards| {
            shards.iter().for_each(|shard| shard.check());
            let engines: Vec<_> = shards.iter().map(|shard| &shard.engine).collect();
            let mut room = self.common.room();
            for engine in &engines {
                keepalive_engine::check(engine, room.budget());
            }
            keepalive_engine::check_settled(&engines, &mut room);
        });
    }

    pub(crate) fn shard_of(&self, request: &Request) -> ShardId {
        self.shard_at(request.hash_value())
    }

    /// The shard of a host with this hash.
    fn shard_at(&self, hash: u64) -> ShardId {
        // The engine's table uses the low bits and the top ones. The other bits are a fraction, and
        // the shard is that share of their number, without a division.
        let fraction = (hash >> 24) & u64::from(u32::MAX);
        ShardId(((fraction * self.shards.len() as u64) >> 32) as u16)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ShardId> + use<C> {
        let shards = u16::try_from(self.shards.len()).expect("shards are counted by u16");
        (0..shards).map(ShardId)
    }
}

impl<C: Connector> Drop for Driver<C> {
    fn drop(&mut self) {
        self.wakeups.end();
    }
}

/// Holds a driver for the leases and requests of one shard.
///
/// Each lease and request changes the count twice. With a single count, threads that use different
/// shards would contend for it.
#[repr(align(128))]
pub(crate) struct ShardRef<C: Connector> {
    pub(crate) driver: Arc<Driver<C>>,
}

impl<C: Connector> ShardRef<C> {
    /// One for each shard of a driver.
    pub(crate) fn all(driver: &Arc<Driver<C>>) -> Box<[Arc<Self>]> {
        driver.ids().map(|_| Self::new(driver)).collect()
    }

    pub(crate) fn new(driver: &Arc<Driver<C>>) -> Arc<Self> {
        Arc::new(Self {
            driver: Arc::clone(driver),
        })
    }
}
