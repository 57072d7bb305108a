//! The driver: it passes inputs to the engines and carries out their actions.
//!
//! A caller takes a shard's lock itself, for one input and its actions. Wakes, spawns, closes and
//! calls into other code happen after the lock is released. No caller holds two shard locks at
//! once, except [`Driver::snapshot`], which takes them in the shards' order. A shard's lock is
//! taken before the budget's.

pub(crate) mod anchor;
pub(crate) mod common;
pub(crate) mod contain;
pub(crate) mod descriptors;
pub(crate) mod effects;
pub(crate) mod home;
mod keeper;
pub(crate) mod live;
pub(crate) mod removable;
pub(crate) mod requests;
pub(crate) mod shard;
pub(crate) mod signals;
mod task;
pub(crate) mod watch;

use std::task::{Context, Waker};
use std::time::Duration;

use keepalive_engine::{Config, ConnectionId, Engine, Phase, Return, Room, ShardId, Time};

use crate::api::host::Host;
use crate::api::request::Request;
use crate::connect::bind::BindAddresses;
use crate::connect::{ConnectError, Connector};
use crate::driver::common::{Common, CommonRoom};
use crate::driver::effects::{Effect, Effects, run};
use crate::driver::home::Home;
use crate::driver::live::Live;
use crate::driver::shard::{Ending, Shard};
use crate::driver::signals::Signals;
use crate::runtime::Notify;
use crate::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, Padded};

#[repr(align(128))] // keeps fields that all read apart from the handle count that all write
pub(crate) struct Driver<C: Connector> {
    shards: Box<[Padded<Mutex<Shard<C>>>]>,
    pub(crate) common: Common,
    pub(crate) signals: Arc<Signals>,
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
            shards: shards
                .map(|id| Padded(Mutex::new(Shard::new(id, Engine::with_notes(config, id)))))
                .collect(),
            common: Common::new(config),
            signals: Arc::new(Signals::new()),
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

    /// Takes a connection back from its user, for reuse.
    pub(crate) fn give_back(self: &Arc<Self>, mut live: Box<Live<C>>) {
        let (connection, id) = (live.id(), live.request);
        if live.is_handle() {
            live.discard();
            self.input(id.shard(), |shard, now, room| {
                if let Some(main) = shard.live(connection) {
                    main.mark_seen(now);
                }
                shard.engine.released(now, room, id, Return::Reuse);
                shard.look_at(connection, now, room);
            });
        } else if live.watch().is_ready() {
            self.close(live);
        } else {
            let suspect = self.input(id.shard(), |shard, now, room| {
                let suspect = live.is_suspect();
                let capacity = live.changed_capacity();
                live.mark_seen(now);
                if shard.is_past(live.era()) {
                    // Its runtime may never deliver its events again.
                    shard.engine.retire_open(now, room, connection);
                }
                shard.put(live);
                if let Some(capacity) = capacity {
                    let engine = &mut shard.engine;
                    engine.capacity_changed(now, room, connection, capacity);
                }
                shard.engine.released(now, room, id, Return::Reuse);
                suspect
            });
            if suspect {
                // Its watch fired before the connection was back in the shard, where the keeper can
                // look at it.
                self.signals.look(id.shard(), connection);
            }
        }
    }

    /// Takes a connection from its user that must not be used again.
    pub(crate) fn close(self: &Arc<Self>, mut live: Box<Live<C>>) {
        let id = live.request;
        let mut context = Context::from_waker(Waker::noop());
        let how = if live.is_handle() {
            live.discard();
            Return::Close
        } else {
            live.stop_watching();
            if live.poll_close(&mut context).is_ready() {
                live.discard();
                Return::Closed
            } else {
                self.lock(id.shard()).put(live);
                Return::Close
            }
        };
        self.input(id.shard(), |shard, now, room| {
            shard.engine.released(now, room, id, how);
        });
    }

    pub(crate) fn enter_phase(
        self: &Arc<Self>,
        shard: ShardId,
        id: ConnectionId,
        phase: Phase,
        at: Time,
    ) {
        self.input(shard, |shard, _, room| {
            shard.engine.progress(at, room, id, phase);
        });
    }

    /// Takes the connection of a successful attempt.
    pub(crate) fn attempt_succeeded(self: &Arc<Self>, shard: ShardId, mut live: Box<Live<C>>) {
        let mut effects = Effects::new();
        let id = live.id();
        let left = self.collect(shard, &mut effects, |shard, now, room| {
            if shard.ending(id, live.era()) == Ending::OfNoUse {
                return Some((live, false));
            }
            let capacity = live.capacity();
            if shard.engine.connected(now, room, id, capacity) {
                let watched = shard.engine.is_idle(id) || live.is_main();
                if watched {
                    live.mark_seen(now);
                }
                shard.put(live);
                if watched {
                    shard.look_at(id, now, room);
                }
                None
            } else {
                shard.expect_task(id);
                Some((live, true))
            }
        });
        match left {
            None => {}
            Some((live, true)) => effects.push(Effect::Close(shard, id, Some(live))),
            Some((live, false)) => live.discard(),
        }
        self.finish(&mut effects);
    }

    /// Ends a failed attempt, or a connection that has been closed. An attempt without an error
    /// failed because its runtime is gone.
    pub(crate) fn attempt_failed(
        self: &Arc<Self>,
        shard: ShardId,
        id: ConnectionId,
        era: u64,
        error: Option<ConnectError>,
    ) {
        self.input(shard, |shard, now, room| {
            shard.failure = error;
            if shard.ending(id, era) == Ending::Counts {
                shard.task_ended(id);
                shard.engine.failed(now, room, id);
            }
        });
    }

    /// Looks at an idle connection whose watch has fired.
    pub(crate) fn look_at(self: &Arc<Self>, shard: ShardId, id: ConnectionId) {
        self.input(shard, |shard, now, room| shard.look_at(id, now, room));
    }

    pub(crate) fn tick_all(self: &Arc<Self>) {
        self.signals.clear_alarm();
        for shard in self.ids() {
            self.input(shard, |shard, now, room| shard.engine.tick(now, room));
        }
    }

    /// Refuses requests from now on, and ends everything but leases.
    pub(crate) fn shut_down(self: &Arc<Self>) {
        self.shut_down.store(true, Ordering::Release);
        // Otherwise one shard would use the slots that another releases.
        self.common.freeze();
        for shard in self.ids() {
            self.input(shard, |shard, now, room| shard.engine.shut_down(now, room));
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

    pub(crate) fn lock(&self, shard: ShardId) -> MutexGuard<'_, Shard<C>> {
        self.shards[usize::from(shard.0)].0.lock()
    }

    /// Locks all shards at once, so that their figures are of the same instant.
    pub(crate) fn snapshot<R>(&self, look: impl FnOnce(&[MutexGuard<'_, Shard<C>>]) -> R) -> R {
        let shards: Vec<_> = self.shards.iter().map(|shard| shard.0.lock()).collect();
        look(&shards)
    }

    /// Checks every invariant. No input may be in progress.
    #[cfg(any(keepalive_loom, keepalive_shuttle))]
    pub(crate) fn check(&self) {
        self.snapshot(|shards| {
            let engines: Vec<_> = shards.iter().map(|shard| &shard.engine).collect();
            let mut room = self.common.room();
            for engine in &engines {
                keepalive_engine::check(engine, room.budget());
            }
            keepalive_engine::check_settled(&engines, &mut room);
        });
    }

    /// Runs one input to one shard, and all its effects.
    fn input<R>(
        self: &Arc<Self>,
        shard: ShardId,
        input: impl FnOnce(&mut Shard<C>, Time, &mut CommonRoom<'_>) -> R,
    ) -> R {
        let mut effects = Effects::new();
        let result = self.collect(shard, &mut effects, input);
        self.finish(&mut effects);
        result
    }

    fn finish(self: &Arc<Self>, effects: &mut Effects<C>) {
        if !effects.is_empty() {
            run(self, effects);
        }
        if self.shut_down.load(Ordering::Relaxed) && self.common.open() == 0 {
            self.all_closed.notify_waiters();
        }
    }

    /// Runs one input to one shard, and leaves the effects outside the lock to the caller.
    fn collect<R>(
        &self,
        shard: ShardId,
        effects: &mut Effects<C>,
        input: impl FnOnce(&mut Shard<C>, Time, &mut CommonRoom<'_>) -> R,
    ) -> R {
        let now = self.common.now();
        self.collect_within(self.lock(shard), now, effects, input)
    }

    fn collect_within<R>(
        &self,
        mut shard: MutexGuard<'_, Shard<C>>,
        now: Time,
        effects: &mut Effects<C>,
        input: impl FnOnce(&mut Shard<C>, Time, &mut CommonRoom<'_>) -> R,
    ) -> R {
        let mut room = self.common.room();
        let result = input(&mut shard, now, &mut room);
        self.conclude(shard, now, room, effects);
        result
    }

    /// Carries out the actions of an input, as far as possible under the lock.
    #[inline(always)]
    fn conclude(
        &self,
        mut shard: MutexGuard<'_, Shard<C>>,
        now: Time,
        mut room: CommonRoom<'_>,
        effects: &mut Effects<C>,
    ) {
        if self.home.era() == NO_RUNTIME {
            // Without a runtime, nothing watches idle connections or enforces deadlines.
            let totals = shard.engine.totals();
            if totals.waiting + totals.connecting + totals.idle > 0 {
                shard.engine.abandon(now, &mut room);
            }
        }
        drop(room);
        shard.forward(effects);
        if let Some((at, _)) = shard.engine.poll_timeout()
            && self.signals.set_alarm(at)
        {
            effects.push(Effect::Ring);
        }
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
        self.signals.end();
    }
}

impl<C: Connector> Shard<C> {
    /// Looks at a connection in this shard, and watches it from now on.
    fn look_at(&mut self, id: ConnectionId, now: Time, room: &mut impl Room) {
        let Some(live) = self.live(id) else { return };
        if live.watch().is_ready() {
            self.engine.peer_closed(now, room, id);
        } else if let Some(capacity) = live.changed_capacity() {
            self.engine.capacity_changed(now, room, id, capacity);
        }
    }
}
