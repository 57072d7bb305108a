//! The driver: it gives the engines their inputs and carries out what they answer.
//!
//! Callers take a shard's lock themselves, for one input and its actions; whatever wakes, spawns,
//! closes or calls elsewhere is done after the lock is released. Never two shard locks at once,
//! except by [`Driver::snapshot`], in the shards' order; a shard's lock before the budget's.

pub(crate) mod anchor;
pub(crate) mod descriptors;
pub(crate) mod effects;
pub(crate) mod home;
mod keeper;
pub(crate) mod live;
pub(crate) mod removable;
pub(crate) mod requests;
pub(crate) mod shard;
mod task;

use std::task::{Context, Waker};
use std::time::Duration;

use keepalive_engine::{Config, ConnectionId, Engine, Phase, Return, Room, ShardId, Time};

use crate::common::{Common, CommonRoom};
use crate::connect::bind::BindAddresses;
use crate::connect::{ConnectError, Connector};
use crate::driver::effects::{Effect, Effects, run};
use crate::driver::home::Home;
use crate::driver::live::Live;
use crate::driver::shard::{Ending, Shard};
use crate::host::Host;
use crate::request::Request;
use crate::runtime::Notify;
use crate::signals::Signals;
use crate::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, Padded};

#[repr(align(128))] // what is read by all is apart from the count of handles, which all write
pub(crate) struct Driver<C: Connector> {
    shards: Box<[Padded<Mutex<Shard<C>>>]>,
    pub(crate) common: Common,
    pub(crate) signals: Arc<Signals>,
    pub(crate) connector: C,
    pub(crate) bind_addresses: BindAddresses,
    /// Of requests that set none.
    pub(crate) timeout: Duration,
    pub(crate) home: Home,
    shut_down: AtomicBool,
    /// Told when nothing is open after a shutdown.
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

    /// Lets a host that nobody has asked for yet have so many connections at once.
    pub(crate) fn limit_host(&self, host: &Host, connections: usize) {
        let hash = host.hash_value();
        let mut shard = self.lock(self.shard_at(hash));
        shard.host(&self.connector, host);
        shard.engine.limit_host(hash, host, connections);
    }

    /// A user gives a connection back.
    pub(crate) fn give_back(self: &Arc<Self>, mut live: Box<Live<C>>) {
        let (connection, id) = (live.id(), live.request);
        if live.is_handle() {
            live.discard();
            self.input(id.shard(), |shard, now, room| {
                if let Some(main) = shard.live(connection) {
                    main.is_seen(now);
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
                live.is_seen(now);
                if shard.is_past(live.era()) {
                    // Nobody may ever hear of it again.
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
                // It was heard of before it was back here, where the keeper could look at it.
                self.signals.look(id.shard(), connection);
            }
        }
    }

    /// A user is done with a connection that must not be used again.
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

    /// An attempt has ended in a connection.
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
                    live.is_seen(now);
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

    /// An attempt has failed, or what was left of a connection is gone. Without an error, it is
    /// because the runtime has gone.
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

    /// The keeper was told that something happened to an idle connection.
    pub(crate) fn look_at(self: &Arc<Self>, shard: ShardId, id: ConnectionId) {
        self.input(shard, |shard, now, room| shard.look_at(id, now, room));
    }

    pub(crate) fn tick_all(self: &Arc<Self>) {
        self.signals.clear_alarm();
        for shard in self.ids() {
            self.input(shard, |shard, now, room| shard.engine.tick(now, room));
        }
    }

    /// Refuses requests from now on, and ends everything that nobody holds.
    pub(crate) fn shut_down(self: &Arc<Self>) {
        self.shut_down.store(true, Ordering::Release);
        // Or the room that one shard leaves would be used by the next.
        self.common.freeze();
        for shard in self.ids() {
            self.input(shard, |shard, now, room| shard.engine.shut_down(now, room));
        }
    }

    /// Completes when nothing is open any more, after a shutdown.
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

    /// All shards at once, so that figures of several shards belong together.
    pub(crate) fn snapshot<R>(&self, look: impl FnOnce(&[MutexGuard<'_, Shard<C>>]) -> R) -> R {
        let shards: Vec<_> = self.shards.iter().map(|shard| shard.0.lock()).collect();
        look(&shards)
    }

    /// Checks every invariant, when nothing is on its way.
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

    /// One input to one shard, and all that follows from it.
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

    /// One input to one shard; what follows from it outside the lock is left to the caller.
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

    /// Carries out what an input has led to, as far as it goes under the lock.
    #[inline(always)]
    fn conclude(
        &self,
        mut shard: MutexGuard<'_, Shard<C>>,
        now: Time,
        mut room: CommonRoom<'_>,
        effects: &mut Effects<C>,
    ) {
        if self.home.era() == NO_RUNTIME {
            // Nobody watches what is idle, or keeps the time of who waits.
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
        // The engine's table uses the low bits and the top ones. What is left is a fraction, and
        // the shard that share of their number: no division.
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
    /// Looks at a connection that is here, and watches it from now on.
    fn look_at(&mut self, id: ConnectionId, now: Time, room: &mut impl Room) {
        let Some(live) = self.live(id) else { return };
        if live.watch().is_ready() {
            self.engine.peer_closed(now, room, id);
        } else if let Some(capacity) = live.changed_capacity() {
            self.engine.capacity_changed(now, room, id, capacity);
        }
    }
}
