//! The total limits, and who may open next: shared by the engines of one manager.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::ids::{HostId, ShardId, Ticket};

/// Counts open connections and attempts against their limits, and keeps the claims of requests
/// that wait for room, in order of arrival.
///
/// A second state machine beside the engines, as pure as they are. Opening and closing touch it;
/// handing out and giving back do not.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub struct Budget {
    pub(crate) max_open: usize,
    pub(crate) max_connecting: usize,
    /// `reuse_run * max_open`: how many requests may overtake one that waits (L2).
    pub(crate) max_overtakes: u64,
    pub(crate) open: usize,
    /// Attempts that have not ended, those that were withdrawn among them.
    pub(crate) connecting: usize,
    /// Attempts that were withdrawn and have not ended.
    pub(crate) withdrawn: usize,
    /// Connections whose slots are being freed, withdrawn attempts among them.
    pub(crate) closing: usize,
    /// Of each shard, how many attempts have no owner and may finish all the same.
    pub(crate) orphans: Box<[usize]>,
    pub(crate) overtakes: u64,
    pub(crate) asked: bool,
    /// How many ends are under way during which nothing is given.
    pub(crate) frozen: u32,
    pub(crate) claims: BTreeMap<Ticket, Claim>,
    /// The marks of all claims, the lowest first.
    pub(crate) marks: BTreeSet<(u64, Ticket)>,
}

/// The right to have one connection open. Moves, and is given back exactly once.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
#[must_use = "a slot that is dropped is lost"]
pub struct Slot(());

/// A slot on its way to the host that claimed it.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
#[must_use = "a slot that is dropped is lost"]
pub struct Grant {
    pub(crate) shard: ShardId,
    pub(crate) host: HostId,
    pub(crate) slot: Slot,
}

#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Claim {
    pub(crate) shard: ShardId,
    pub(crate) host: HostId,
    /// How many overtakes there had been when its request began to wait for room.
    pub(crate) mark: u64,
}

/// What an earlier claim means for a connection that could serve a later request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overtake {
    /// Nobody is overtaken.
    Nobody,
    /// Somebody is, within the bounds.
    Allowed,
    /// Somebody has been overtaken often enough: the connection must close.
    GiveWay,
}

impl Budget {
    /// A budget with the limits of `config`.
    pub fn new(config: &Config) -> Self {
        let settings = config.settings();
        Self {
            max_open: settings.max_open,
            max_connecting: settings.max_connecting.unwrap_or(usize::MAX),
            max_overtakes: u64::from(settings.reuse_run).saturating_mul(settings.max_open as u64),
            open: 0,
            connecting: 0,
            withdrawn: 0,
            closing: 0,
            orphans: vec![0; usize::from(settings.shards)].into(),
            overtakes: 0,
            asked: false,
            frozen: 0,
            claims: BTreeMap::new(),
            marks: BTreeSet::new(),
        }
    }

    /// Connections open now, in every state.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Attempts in flight now. One that was withdrawn is so until its end is reported.
    pub fn connecting(&self) -> usize {
        self.connecting
    }

    /// Connections being closed now, and attempts being withdrawn.
    pub fn closing(&self) -> usize {
        self.closing
    }

    /// How many requests wait for room.
    pub fn claims(&self) -> usize {
        self.claims.len()
    }

    /// How often a later request was served by reuse while an earlier one waited for room.
    pub fn overtakes(&self) -> u64 {
        self.overtakes
    }

    /// The request that has waited longest for room.
    pub fn oldest_claim(&self) -> Option<Ticket> {
        self.claims.keys().next().copied()
    }

    /// Gives no slot, and has nothing evicted, until [`thaw`](Self::thaw) is called as often.
    pub fn freeze(&mut self) {
        self.frozen += 1;
    }

    /// Takes one [`freeze`](Self::freeze) back. What has become free meanwhile is given out by
    /// the next [`Engine::resume`](crate::Engine::resume).
    pub fn thaw(&mut self) {
        self.frozen = self.frozen.saturating_sub(1);
    }

    /// Whether a request that comes now could open a connection at once.
    pub(crate) fn has_room(&self) -> bool {
        self.claims.is_empty() && self.can_open()
    }

    /// Whether attempts in flight are at their limit.
    pub(crate) fn may_connect(&self) -> bool {
        self.connecting < self.max_connecting
    }

    pub(crate) fn max_connecting(&self) -> usize {
        self.max_connecting
    }

    /// Asks for a slot: had at once, or noted as a claim.
    ///
    /// `mark` is how many overtakes there had been when the request began to wait for room.
    pub(crate) fn claim(
        &mut self,
        ticket: Ticket,
        shard: ShardId,
        host: HostId,
        mark: u64,
    ) -> Option<Slot> {
        if self.claims.is_empty()
            && let Some(slot) = self.open_one()
        {
            return Some(slot);
        }
        self.claims.insert(ticket, Claim { shard, host, mark });
        self.marks.insert((mark, ticket));
        None
    }

    /// Withdraws a claim, and answers its mark; `None` if the grant is on its way.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> Option<u64> {
        let claim = self.claims.remove(&ticket)?;
        self.marks.remove(&(claim.mark, ticket));
        Some(claim.mark)
    }

    pub(crate) fn has_claim(&self, ticket: Ticket) -> bool {
        self.claims.contains_key(&ticket)
    }

    /// An attempt has ended.
    pub(crate) fn attempt_ended(&mut self) {
        self.connecting -= 1;
    }

    /// An attempt is withdrawn. Until it has ended, it counts as one, and its slot is in use.
    pub(crate) fn begin_withdrawal(&mut self) {
        self.withdrawn += 1;
        self.begin_close();
    }

    /// An attempt that was withdrawn has ended; what is left of it closes.
    pub(crate) fn withdrawal_ended(&mut self) {
        self.withdrawn -= 1;
        self.attempt_ended();
    }

    /// A connection begins to close; its slot will be free when it has closed.
    pub(crate) fn begin_close(&mut self) {
        self.closing += 1;
    }

    /// A connection that was closing has closed.
    pub(crate) fn closed(&mut self, slot: Slot) {
        self.closing -= 1;
        self.release(slot);
    }

    /// Takes back a slot.
    pub(crate) fn release(&mut self, Slot(()): Slot) {
        self.open -= 1;
    }

    /// Takes back a slot whose attempt never began.
    pub(crate) fn decline(&mut self, slot: Slot) {
        self.attempt_ended();
        self.release(slot);
    }

    /// Gives the oldest claim its slot, if there is one to give.
    pub(crate) fn poll_grant(&mut self) -> Option<Grant> {
        if self.claims.is_empty() {
            return None;
        }
        let slot = self.open_one()?;
        let (ticket, claim) = self.claims.pop_first()?;
        self.marks.remove(&(claim.mark, ticket));
        Some(Grant {
            shard: claim.shard,
            host: claim.host,
            slot,
        })
    }

    /// An attempt of `shard` has lost its owner, and may finish.
    pub(crate) fn orphaned(&mut self, shard: ShardId) {
        self.orphans[usize::from(shard.0)] += 1;
    }

    /// An attempt of `shard` without owner has one again, or is no attempt any more.
    pub(crate) fn no_orphan(&mut self, shard: ShardId) {
        self.orphans[usize::from(shard.0)] -= 1;
    }

    /// A shard of which an attempt without owner is in the way of a claim: `own`, if it has one.
    ///
    /// Some claim could use its slot, or its place among the attempts, and too few of these are free
    /// or being freed.
    pub(crate) fn orphan_in_the_way(&self, own: ShardId) -> Option<ShardId> {
        let orphans: usize = self.orphans.iter().sum();
        if orphans == 0 || self.frozen > 0 {
            return None;
        }
        let connecting = self.connecting - self.withdrawn;
        let places = self.max_connecting.saturating_sub(connecting);
        let slots = self.max_open.saturating_sub(self.open);
        let wanted = self.claims.len().min(places.saturating_add(orphans));
        if wanted <= slots.saturating_add(self.closing).min(places) {
            return None;
        }
        match self.orphans[usize::from(own.0)] {
            0 => self.orphans(),
            _ => Some(own),
        }
    }

    /// A shard that has an attempt without owner.
    pub fn orphans(&self) -> Option<ShardId> {
        let shard = self.orphans.iter().position(|&orphans| orphans > 0)?;
        u16::try_from(shard).ok().map(ShardId)
    }

    /// Whether an idle connection must be closed to make room (L4): some claim could use a
    /// slot, and fewer are being freed than could be used.
    ///
    /// An attempt that is being withdrawn leaves its place among the attempts with its slot.
    pub(crate) fn needs_eviction(&self) -> bool {
        let connecting = self.connecting - self.withdrawn;
        let wanted = self
            .claims
            .len()
            .min(self.max_connecting.saturating_sub(connecting));
        let free = self.max_open.saturating_sub(self.open);
        self.frozen == 0 && wanted > free.saturating_add(self.closing)
    }

    /// Whether another shard is being asked to evict; one is asked at a time, so that always the
    /// connection idle longest goes.
    pub(crate) fn asked(&mut self) -> &mut bool {
        &mut self.asked
    }

    /// Whether a connection that served `run` waiters past an older claim may serve `ticket`.
    pub(crate) fn overtake(
        &mut self,
        ticket: Option<Ticket>,
        run: u32,
        reuse_run: u32,
    ) -> Overtake {
        let (Some(oldest), Some(&(mark, _))) = (self.oldest_claim(), self.marks.first()) else {
            return Overtake::Nobody;
        };
        // What the connection's slot could not give the older claim is not taken from it.
        if ticket.is_some_and(|ticket| ticket <= oldest) || !self.needs_eviction() {
            return Overtake::Nobody;
        }
        if run < reuse_run && self.overtakes - mark < self.max_overtakes {
            self.overtakes += 1;
            Overtake::Allowed
        } else {
            Overtake::GiveWay
        }
    }

    fn can_open(&self) -> bool {
        self.frozen == 0 && self.open < self.max_open && self.may_connect()
    }

    fn open_one(&mut self) -> Option<Slot> {
        if self.can_open() {
            self.open += 1;
            self.connecting += 1;
            Some(Slot(()))
        } else {
            None
        }
    }
}
