//! The limits in total and the claims for room, shared by the engines of one manager.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::ids::{HostId, ShardId, Ticket};

/// Counts open connections and attempts against their limits, and keeps the claims of requests
/// that wait for room, in order of arrival.
///
/// The budget is a pure state machine, like the engines. Opening and closing a connection change
/// it; leasing and releasing one do not, unless a claim waits.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub struct Budget {
    pub(crate) max_open: usize,
    pub(crate) max_connecting: usize,
    /// `max_reuse_streak * max_open`: how many later requests may overtake one that waits for room (L2).
    pub(crate) max_overtakes: u64,
    pub(crate) open: usize,
    /// Attempts that have not ended, including withdrawn ones.
    pub(crate) connecting: usize,
    /// Withdrawn attempts that have not ended.
    pub(crate) withdrawn: usize,
    /// Connections that are closing, including withdrawn attempts.
    pub(crate) closing: usize,
    /// For each shard, its attempts without owner that may finish.
    pub(crate) orphans: Box<[usize]>,
    pub(crate) overtakes: u64,
    pub(crate) asked: bool,
    /// How many calls of [`freeze`](Self::freeze) are in effect; while any is, no permit is granted.
    pub(crate) frozen: u32,
    pub(crate) claims: BTreeMap<Ticket, Claim>,
    /// The overtakes before each claim, the fewest first.
    pub(crate) by_overtakes: BTreeSet<(u64, Ticket)>,
}

/// The right to have one connection open. A permit moves, and is released exactly once.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
#[must_use = "a permit that is dropped is lost"]
pub struct Permit(());

/// A permit on its way to the host that claimed it.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
#[must_use = "a permit that is dropped is lost"]
pub struct Grant {
    pub(crate) shard: ShardId,
    pub(crate) host: HostId,
    pub(crate) permit: Permit,
}

#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Claim {
    pub(crate) shard: ShardId,
    pub(crate) host: HostId,
    /// The count of overtakes when its request began to wait for room.
    pub(crate) overtakes_before: u64,
}

/// The effect of an earlier claim on a connection that could serve a later request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overtake {
    /// Serving overtakes no claim.
    Nobody,
    /// Serving overtakes a claim, within the bounds.
    Allowed,
    /// A bound on overtakes is reached: the connection must close.
    GiveWay,
}

impl Budget {
    /// A budget with the limits of `config`.
    pub fn new(config: &Config) -> Self {
        let settings = config.settings();
        Self {
            max_open: settings.max_open,
            max_connecting: settings.max_connecting.unwrap_or(usize::MAX),
            max_overtakes: u64::from(settings.max_reuse_streak)
                .saturating_mul(settings.max_open as u64),
            open: 0,
            connecting: 0,
            withdrawn: 0,
            closing: 0,
            orphans: vec![0; usize::from(settings.shards)].into(),
            overtakes: 0,
            asked: false,
            frozen: 0,
            claims: BTreeMap::new(),
            by_overtakes: BTreeSet::new(),
        }
    }

    /// Connections open now, in every state.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Attempts in flight now. A withdrawn attempt counts until its end is reported.
    pub fn connecting(&self) -> usize {
        self.connecting
    }

    /// Connections that are closing now, and attempts that are being withdrawn.
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

    /// The ticket of the request that has waited longest for room.
    pub fn oldest_claim(&self) -> Option<Ticket> {
        self.claims.keys().next().copied()
    }

    /// Stops all grants and evictions until [`thaw`](Self::thaw) has been called once for each call
    /// of this.
    pub fn freeze(&mut self) {
        self.frozen += 1;
    }

    /// Undoes one [`freeze`](Self::freeze). The next [`Engine::resume`](crate::Engine::resume)
    /// grants the permits that have become free meanwhile.
    pub fn thaw(&mut self) {
        self.frozen = self.frozen.saturating_sub(1);
    }

    /// Whether a request that arrives now could open a connection at once.
    pub(crate) fn has_room(&self) -> bool {
        self.claims.is_empty() && self.can_open()
    }

    /// Whether the attempts in flight are below their limit.
    pub(crate) fn may_connect(&self) -> bool {
        self.connecting < self.max_connecting
    }

    pub(crate) fn max_connecting(&self) -> usize {
        self.max_connecting
    }

    /// Takes a permit. If none is free, enters a claim for one and returns `None`.
    ///
    /// `overtakes_before` is the count of overtakes when the request began to wait for room.
    pub(crate) fn claim(
        &mut self,
        ticket: Ticket,
        shard: ShardId,
        host: HostId,
        overtakes_before: u64,
    ) -> Option<Permit> {
        if self.claims.is_empty()
            && let Some(permit) = self.open_one()
        {
            return Some(permit);
        }
        self.claims.insert(
            ticket,
            Claim {
                shard,
                host,
                overtakes_before,
            },
        );
        self.by_overtakes.insert((overtakes_before, ticket));
        None
    }

    /// Withdraws a claim and returns the overtakes before it; `None` if a grant is on its way.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> Option<u64> {
        let claim = self.claims.remove(&ticket)?;
        self.by_overtakes.remove(&(claim.overtakes_before, ticket));
        Some(claim.overtakes_before)
    }

    pub(crate) fn has_claim(&self, ticket: Ticket) -> bool {
        self.claims.contains_key(&ticket)
    }

    /// Removes an attempt that has ended from the count.
    pub(crate) fn attempt_ended(&mut self) {
        self.connecting -= 1;
    }

    /// Begins to withdraw an attempt. Until it has ended, it counts as an attempt and keeps its
    /// permit.
    pub(crate) fn begin_withdrawal(&mut self) {
        self.withdrawn += 1;
        self.begin_close();
    }

    /// Ends an attempt that was withdrawn. It counts as closing until [`closed`](Self::closed).
    pub(crate) fn withdrawal_ended(&mut self) {
        self.withdrawn -= 1;
        self.attempt_ended();
    }

    /// Begins to close a connection. Its permit is free once it has closed.
    pub(crate) fn begin_close(&mut self) {
        self.closing += 1;
    }

    /// Releases the permit of a connection that has closed.
    pub(crate) fn closed(&mut self, permit: Permit) {
        self.closing -= 1;
        self.release(permit);
    }

    /// Takes back a permit.
    pub(crate) fn release(&mut self, Permit(()): Permit) {
        self.open -= 1;
    }

    /// Takes back a permit together with its attempt, which has failed or never began.
    pub(crate) fn decline(&mut self, permit: Permit) {
        self.attempt_ended();
        self.release(permit);
    }

    /// Grants the oldest claim a permit, if one is free.
    pub(crate) fn poll_grant(&mut self) -> Option<Grant> {
        if self.claims.is_empty() {
            return None;
        }
        let permit = self.open_one()?;
        let (ticket, claim) = self.claims.pop_first()?;
        self.by_overtakes.remove(&(claim.overtakes_before, ticket));
        Some(Grant {
            shard: claim.shard,
            host: claim.host,
            permit,
        })
    }

    /// Counts an attempt of `shard` that has lost its owner and may finish.
    pub(crate) fn orphaned(&mut self, shard: ShardId) {
        self.orphans[usize::from(shard.0)] += 1;
    }

    /// Removes an attempt of `shard` from that count: it has an owner again, or has ended.
    pub(crate) fn no_orphan(&mut self, shard: ShardId) {
        self.orphans[usize::from(shard.0)] -= 1;
    }

    /// A shard whose attempt without owner blocks a claim; `own`, if it has one.
    ///
    /// Such an attempt blocks a claim that could use its permit or its place among the attempts. Too
    /// few of these are then free or being freed.
    pub(crate) fn orphan_in_the_way(&self, own: ShardId) -> Option<ShardId> {
        let orphans: usize = self.orphans.iter().sum();
        if orphans == 0 || self.frozen > 0 {
            return None;
        }
        let places = self.attempts_allowed();
        let wanted = self.claims.len().min(places.saturating_add(orphans));
        if wanted <= self.permits_to_come().min(places) {
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

    /// Whether an idle connection must close to make room (L4): claims could use more permits than
    /// are free or being freed.
    ///
    /// A withdrawn attempt frees its place among the attempts together with its permit.
    pub(crate) fn needs_eviction(&self) -> bool {
        let wanted = self.claims.len().min(self.attempts_allowed());
        self.frozen == 0 && wanted > self.permits_to_come()
    }

    /// The shard and host of the oldest claim that must have room made for it.
    pub(crate) fn first_in_need(&self) -> Option<(ShardId, HostId)> {
        let served = self.permits_to_come().min(self.attempts_allowed());
        let claim = self.claims.values().nth(served)?;
        Some((claim.shard, claim.host))
    }

    /// Attempts that may begin once withdrawn ones have ended.
    fn attempts_allowed(&self) -> usize {
        let connecting = self.connecting - self.withdrawn;
        self.max_connecting.saturating_sub(connecting)
    }

    /// Permits that are free or being freed.
    fn permits_to_come(&self) -> usize {
        let free = self.max_open.saturating_sub(self.open);
        free.saturating_add(self.closing)
    }

    /// Whether another shard has been asked to make room. One shard is asked at a time, so that the
    /// connection that closes is always the one idle longest.
    pub(crate) fn asked(&mut self) -> &mut bool {
        &mut self.asked
    }

    /// Decides whether a connection that served `run` waiters past an older claim may serve
    /// `ticket`. `None` is a request that has just arrived.
    pub(crate) fn overtake(
        &mut self,
        ticket: Option<Ticket>,
        run: u32,
        max_reuse_streak: u32,
    ) -> Overtake {
        let (Some(oldest), Some(&(overtakes_before, _))) =
            (self.oldest_claim(), self.by_overtakes.first())
        else {
            return Overtake::Nobody;
        };
        // Serving takes nothing from a claim that could not use the connection's permit.
        if ticket.is_some_and(|ticket| ticket <= oldest) || !self.needs_eviction() {
            return Overtake::Nobody;
        }
        if run < max_reuse_streak && self.overtakes - overtakes_before < self.max_overtakes {
            self.overtakes += 1;
            Overtake::Allowed
        } else {
            Overtake::GiveWay
        }
    }

    fn can_open(&self) -> bool {
        self.frozen == 0 && self.open < self.max_open && self.may_connect()
    }

    fn open_one(&mut self) -> Option<Permit> {
        if self.can_open() {
            self.open += 1;
            self.connecting += 1;
            Some(Permit(()))
        } else {
            None
        }
    }
}
