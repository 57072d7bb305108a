//! The state that the shards of a manager share: the budget behind its lock, and atomics.

use std::time::{Duration, Instant};

use keepalive_engine::{Arrival, Budget, Config, Room, ShardId, Ticket, Time};

use crate::runtime::now;

use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, Padded};

/// Stands for "none" in the atomics.
const NONE: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Common {
    epoch: Instant,
    budget: Mutex<Budget>,
    oldest_claim: Padded<AtomicU64>,
    overtakes: AtomicU64,
    tickets: Padded<AtomicU64>,
    queued: AtomicUsize,
    /// For each shard: the time since which its longest idle connection has been idle.
    idle: Box<[Padded<AtomicU64>]>,
}

impl Common {
    pub(crate) fn new(config: &Config) -> Self {
        let shards = usize::from(config.settings().shards);
        Self {
            epoch: now(),
            budget: Mutex::new(Budget::new(config)),
            oldest_claim: Padded(AtomicU64::new(NONE)),
            overtakes: AtomicU64::new(0),
            tickets: Padded::default(),
            queued: AtomicUsize::new(0),
            idle: (0..shards).map(|_| Padded(AtomicU64::new(NONE))).collect(),
        }
    }

    /// The shared state, as an engine accesses it during one input.
    #[inline]
    pub(crate) fn room(&self) -> CommonRoom<'_> {
        CommonRoom {
            common: self,
            budget: None,
        }
    }

    /// Whether a request waits for room, in any shard.
    #[inline]
    pub(crate) fn has_claims(&self) -> bool {
        self.oldest_claim.0.load(Ordering::SeqCst) != NONE
    }

    /// The place of a request that comes to wait now.
    #[inline]
    pub(crate) fn arrival(&self) -> Arrival {
        let mut room = self.room();
        Arrival {
            ticket: room.ticket(),
            overtakes: room.overtakes(),
        }
    }

    /// Connections open now, in every state.
    pub(crate) fn open(&self) -> usize {
        self.budget.lock().open()
    }

    /// Stops the budget from granting permits while everything ends.
    pub(crate) fn freeze(&self) {
        self.budget.lock().freeze();
    }

    /// Reverts one [`freeze`](Self::freeze).
    pub(crate) fn thaw(&self) {
        self.budget.lock().thaw();
    }

    /// The present time of the engines.
    #[inline]
    pub(crate) fn now(&self) -> Time {
        Time::after_start(now().saturating_duration_since(self.epoch))
    }

    /// The time by the system's clock, also where tokio's is paused.
    pub(crate) fn real_time(&self) -> Time {
        Time::after_start(Instant::now().saturating_duration_since(self.epoch))
    }

    /// The instant of `time` by the clock.
    pub(crate) fn instant_of(&self, time: Time) -> Instant {
        self.epoch + Duration::from_nanos(time.nanos())
    }
}

/// [`Room`] for one input: it locks the budget on first use, and holds the lock until the end.
#[derive(Debug)]
pub(crate) struct CommonRoom<'a> {
    common: &'a Common,
    budget: Option<MutexGuard<'a, Budget>>,
}

impl CommonRoom<'_> {
    /// Publishes the oldest claim to the other shards. They read it after publishing their idle
    /// connections, and this shard reads those after publishing the claim, so one side sees the
    /// other.
    #[inline]
    fn publish_claim(&self) {
        if let Some(budget) = &self.budget {
            let claim = budget.oldest_claim().map_or(NONE, |Ticket(ticket)| ticket);
            let published = &self.common.oldest_claim.0;
            if published.load(Ordering::Relaxed) != claim {
                published.store(claim, Ordering::SeqCst);
            }
            let overtakes = &self.common.overtakes;
            if overtakes.load(Ordering::Relaxed) != budget.overtakes() {
                overtakes.store(budget.overtakes(), Ordering::Relaxed);
            }
        }
    }
}

impl Room for CommonRoom<'_> {
    fn ticket(&mut self) -> Ticket {
        Ticket(self.common.tickets.0.fetch_add(1, Ordering::Relaxed))
    }

    #[inline]
    fn oldest_claim(&self) -> Option<Ticket> {
        if let Some(budget) = &self.budget {
            return budget.oldest_claim();
        }
        let claim = self.common.oldest_claim.0.load(Ordering::SeqCst);
        (claim != NONE).then_some(Ticket(claim))
    }

    fn overtakes(&self) -> u64 {
        match &self.budget {
            Some(budget) => budget.overtakes(),
            None => self.common.overtakes.load(Ordering::Relaxed),
        }
    }

    #[inline]
    fn publish_idle(&mut self, shard: ShardId, since: Option<Time>) {
        let stamp = since.map_or(NONE, Time::nanos);
        self.common.idle[usize::from(shard.0)]
            .0
            .store(stamp, Ordering::SeqCst);
    }

    fn idle_longest(&mut self) -> Option<ShardId> {
        self.publish_claim();
        let stamps = self.common.idle.iter();
        let (shard, since) = stamps
            .map(|idle| idle.0.load(Ordering::SeqCst))
            .enumerate()
            .min_by_key(|&(_, stamp)| stamp)?;
        let shard = u16::try_from(shard).expect("shards are counted by u16");
        (since != NONE).then_some(ShardId(shard))
    }

    fn enter_queue(&mut self, max: usize) -> bool {
        self.common
            .queued
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |queued| {
                (queued < max).then_some(queued + 1)
            })
            .is_ok()
    }

    fn queued(&self) -> usize {
        self.common.queued.load(Ordering::Relaxed)
    }

    fn leave_queue(&mut self) {
        self.common.queued.fetch_sub(1, Ordering::Relaxed);
    }

    fn budget(&mut self) -> &mut Budget {
        let common = self.common;
        self.budget.get_or_insert_with(|| common.budget.lock())
    }
}

impl Drop for CommonRoom<'_> {
    fn drop(&mut self) {
        self.publish_claim();
    }
}
