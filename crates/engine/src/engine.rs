//! The engine: its inputs and outputs, without policy.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use crate::action::{Action, Answer, Message};
use crate::arena::Arena;
use crate::config::{Config, Settings};
use crate::connection::{Capacity, Connection, Phase, Return, State};
use crate::host::Hosts;
use crate::idle::Idle;
use crate::ids::{ConnectionId, HostId, RequestId, ShardId};
use crate::policy::Random;
use crate::request::{Ask, FromCache, Request, Stage};
use crate::room::Room;
use crate::stats::WaitingTime;
use crate::time::{Time, to_nanos};
use crate::timer::{TimerKey, Timers};

/// One shard of a manager: its hosts, their requests and connections.
///
/// After every input the driver drains [`poll_action`](Self::poll_action) and looks at
/// [`poll_timeout`](Self::poll_timeout). Inputs whose `now` lies before an earlier one are taken
/// at the earlier one's time. What is due at `now` happens before the input itself.
///
/// Hosts go by a key `K`. The engine never looks at a [`note`](Self::note) `N`.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub struct Engine<K, N = ()> {
    pub(crate) settings: Settings,
    /// The setting, in nanoseconds; `None` is longer than time can tell.
    pub(crate) keep_alive: Option<u64>,
    /// The setting; none is more than are counted.
    pub(crate) max_uses: u32,
    pub(crate) shard: ShardId,
    pub(crate) hosts: Hosts<K>,
    pub(crate) requests: Arena<Request<N>>,
    pub(crate) connections: Arena<Connection>,
    pub(crate) idle: Idle,
    /// Attempts without owner that may finish, the one left first in front.
    pub(crate) orphans: Idle,
    pub(crate) timers: Timers,
    pub(crate) actions: VecDeque<Action>,
    pub(crate) waiting_time: WaitingTime,
    pub(crate) random: Random,
    pub(crate) now: Option<Time>,
    /// Refuses all requests once it is set.
    pub(crate) shut_down: bool,
    /// Whether the budget, or what was published, may allow more than has been done.
    pub(crate) unsettled: bool,
    /// Hosts of which a connection holds nobody back any more; empty between inputs.
    pub(crate) relieved: Vec<u32>,
    pub(crate) serial: u32,
}

/// An answer as its user takes it.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// The connection, if the answer is one.
    pub connection: Option<ConnectionId>,
    /// How the connection came to be there.
    pub from_cache: Option<FromCache>,
}

impl<K: Eq + Clone> Engine<K> {
    /// An engine without hosts, whose driver notes nothing of requests.
    pub fn new(config: &Config, shard: ShardId) -> Self {
        Self::with_notes(config, shard)
    }
}

impl<K: Eq + Clone, N: Default> Engine<K, N> {
    /// An engine without hosts, with room for a note of the driver's in each request's record.
    pub fn with_notes(config: &Config, shard: ShardId) -> Self {
        let settings = config.settings().clone();
        Self {
            random: Random::new(settings.seed ^ u64::from(shard.0) << 48),
            keep_alive: to_nanos(settings.keep_alive),
            max_uses: to_max_uses(settings.max_uses),
            settings,
            shard,
            hosts: Hosts::new(config.remembered_hosts()),
            requests: Arena::new(),
            connections: Arena::new(),
            idle: Idle::new(),
            orphans: Idle::new(),
            timers: Timers::new(),
            actions: VecDeque::new(),
            waiting_time: WaitingTime::default(),
            now: None,
            shut_down: false,
            unsettled: false,
            relieved: Vec::new(),
            serial: 0,
        }
    }

    /// Finds a host by its key, or makes its record. Equal keys have equal hashes.
    ///
    /// The id is good for a request made now, after a [`tick`](Self::tick) at the same time; a
    /// host out of use may be forgotten by any other input.
    pub fn host(&mut self, hash: u64, key: &K) -> HostId {
        self.host_with(hash, key, || false)
    }

    /// The same. If it makes the record, it asks whether connections to the host are known to carry
    /// several leases; from then on the host's connections themselves tell (see [`Capacity`]).
    pub fn host_with(&mut self, hash: u64, key: &K, shares: impl FnOnce() -> bool) -> HostId {
        self.hosts.enter(hash, key, shares)
    }

    /// Lets a host have `connections` at once, whatever `max_per_host` says (B2).
    ///
    /// It is for hosts that have not been asked for yet. 0 is taken for 1.
    pub fn limit_host(&mut self, hash: u64, key: &K, connections: usize) {
        let slot = self.host(hash, key).slot;
        let connections = u32::try_from(connections).unwrap_or(u32::MAX);
        let limit = NonZeroU32::new(connections).unwrap_or(NonZeroU32::MIN);
        self.hosts.at_mut(slot).own_limit = Some(limit);
        self.hosts.note_use(slot);
    }

    /// The key of a host.
    pub fn key(&self, host: HostId) -> Option<&K> {
        self.hosts.get(host).map(|host| &host.key)
    }

    /// A user asks for a connection. The answer comes as an action.
    pub fn request(&mut self, now: Time, room: &mut impl Room, ask: Ask) -> RequestId {
        let now = self.advance(now, room);
        let slot = self.admit(now, ask);
        self.serve_or_queue(now, room, slot, false);
        self.settle(room);
        self.request_id(slot)
    }

    fn admit(&mut self, now: Time, ask: Ask) -> u32 {
        let timeout = ask.timeout.unwrap_or(self.settings.timeout);
        let deadline = now.checked_add(timeout);
        let mut request = Request::new(ask.number, ask.host.slot, now, deadline, N::default());
        let attempt_deadline = ask.queue_timeout.and_then(|limit| now.checked_add(limit));
        request.set_attempt_deadline(attempt_deadline);
        self.requests.insert(request)
    }

    /// The connection that is held for a request has gone before its answer was taken: it is
    /// closed, and the request asks again, at the end of the queue and within its deadline.
    ///
    /// Of connections that nobody had taken before, the second that goes so is the answer,
    /// [`Answer::Failed`]: a peer that ends whatever is opened would be connected to for as long as
    /// there is time. One that others share, and have taken, may have served them.
    pub fn reject(&mut self, now: Time, room: &mut impl Room, id: RequestId) {
        let now = self.advance(now, room);
        if let Some(slot) = self.find_request(id)
            && let Stage::Assigned(connection, from_cache) = self.requests[slot].stage
        {
            let host = self.requests[slot].host;
            self.hosts
                .count(host, |counts| counts.rare().closed_by_peer += 1);
            let request = &mut self.requests[slot];
            request.book(now, None);
            let unused = from_cache.is_none() && self.connections[connection].phase.is_some();
            let failed = request.is_lost() && unused;
            request.rare().lost |= unused;
            request.stage = Stage::NEW;
            self.end_lease(now, room, connection, Return::Close);
            match failed {
                true => {
                    self.hosts.count(host, |counts| counts.rare().failed += 1);
                    self.refuse(slot, Answer::Failed);
                }
                false => self.serve_or_queue(now, room, slot, true),
            }
        }
        self.settle(room);
    }

    /// A user withdraws a request that may have been answered, but whose answer has not been
    /// taken. Answers whether there was something to withdraw; if so, the answer is
    /// [`Answer::Cancelled`].
    pub fn cancel(&mut self, now: Time, room: &mut impl Room, id: RequestId) -> bool {
        let now = self.advance(now, room);
        let slot = self.find_request(id);
        let cancelled = slot.filter(|&slot| self.withdraw_request(now, room, slot));
        if let Some(slot) = cancelled {
            self.refuse(slot, Answer::Cancelled);
        }
        self.settle(room);
        cancelled.is_some()
    }

    /// Whoever would take the answer of a request has gone; its record ends here. Answers its note,
    /// unless there is none any more, or its connection is in its user's hands.
    pub fn forget(&mut self, now: Time, room: &mut impl Room, id: RequestId) -> Option<N> {
        let now = self.advance(now, room);
        let slot = self.find_request(id);
        let note = slot.and_then(|slot| {
            let withdrawn = self.withdraw_request(now, room, slot);
            let ended = withdrawn || self.requests[slot].stage == Stage::Refused;
            ended.then(|| self.end_request(slot))
        });
        self.settle(room);
        note
    }

    /// The user takes the answer. `None` if there is none yet.
    pub fn take(&mut self, id: RequestId) -> Option<Taken> {
        let slot = self.find_request(id)?;
        let request = &mut self.requests[slot];
        match request.stage {
            Stage::Assigned(connection, from_cache) => {
                request.stage = Stage::Held(connection);
                self.connections[connection].phase = None;
                let host = request.host;
                self.hosts.count(host, |counts| match from_cache {
                    Some(FromCache::Immediate) => counts.reused_immediate += 1,
                    Some(FromCache::Deferred) => counts.reused_deferred += 1,
                    None => {}
                });
                let waited = self.requests[slot].spent().total();
                self.waiting_time.record(waited);
                Some(Taken {
                    connection: Some(self.connection_id(connection)),
                    from_cache,
                })
            }
            Stage::Refused => {
                self.requests.discard(slot);
                Some(Taken {
                    connection: None,
                    from_cache: None,
                })
            }
            _ => None,
        }
    }

    /// An attempt has come to its next phase.
    pub fn progress(&mut self, now: Time, room: &mut impl Room, id: ConnectionId, phase: Phase) {
        let now = self.advance(now, room);
        if let Some(slot) = self.find_connection(id) {
            let connection = &mut self.connections[slot];
            let before = connection.phase;
            connection.phase = before.map(|_| phase);
            if let (State::Connecting, Some(owner)) = (connection.state, connection.owner()) {
                self.requests[owner].book(now, before);
            }
            let host = self.connections[slot].host;
            if !self.hosts.at(host).orphans.is_empty() {
                self.rebalance(now, room, host);
            }
        }
        self.settle(room);
    }

    /// An attempt has ended in a connection of this capacity.
    ///
    /// False if nobody wants it any more: the driver closes it and reports
    /// [`closed`](Self::closed).
    pub fn connected(
        &mut self,
        now: Time,
        room: &mut impl Room,
        id: ConnectionId,
        capacity: impl Into<Capacity>,
    ) -> bool {
        let now = self.advance(now, room);
        let wanted = match self.find_connection(id) {
            Some(slot) if self.connections[slot].state == State::Connecting => {
                self.open(now, room, slot, capacity.into());
                true
            }
            Some(slot) => {
                self.close_unwanted(now, room, slot);
                false
            }
            None => false,
        };
        self.settle(room);
        wanted
    }

    /// An attempt has failed, and nothing of it is left. Its owner is answered
    /// [`Answer::Failed`], if it still waits.
    pub fn failed(&mut self, now: Time, room: &mut impl Room, id: ConnectionId) {
        let now = self.advance(now, room);
        match self.find_connection(id) {
            Some(slot) if self.connections[slot].state == State::Connecting => {
                self.fail(now, room, slot);
            }
            Some(slot) => self.remove_connection(room, slot),
            None => {}
        }
        self.settle(room);
    }

    /// A user gives back the connection that `request` was answered with.
    pub fn released(&mut self, now: Time, room: &mut impl Room, request: RequestId, how: Return) {
        let now = self.advance(now, room);
        if !self.take_back(now, room, request, how)
            && let Some(slot) = self.find_request(request)
            && let Stage::Held(connection) = self.requests[slot].stage
        {
            self.requests.discard(slot);
            self.end_lease(now, room, connection, how);
        }
        self.settle(room);
    }

    /// A connection has another capacity from now on.
    ///
    /// One that is full or takes none at present may carry more later: that goes to those who wait.
    pub fn capacity_changed(
        &mut self,
        now: Time,
        room: &mut impl Room,
        id: ConnectionId,
        capacity: impl Into<Capacity>,
    ) {
        let now = self.advance(now, room);
        if let Some(slot) = self.find_connection(id) {
            self.set_capacity(now, room, slot, capacity.into());
        }
        self.settle(room);
    }

    /// An open connection is of no further use: the peer has closed it, or spoken unasked.
    ///
    /// It closes when its last lease is back; at once if it is idle.
    pub fn peer_closed(&mut self, now: Time, room: &mut impl Room, id: ConnectionId) {
        let now = self.advance(now, room);
        if let Some(slot) = self.find_connection(id) {
            if self.connections[slot].state == State::Idle {
                let host = self.connections[slot].host;
                self.hosts
                    .count(host, |counts| counts.rare().closed_by_peer += 1);
            }
            self.retire(now, room, slot);
        }
        self.settle(room);
    }

    /// An open connection must not be used again, though its peer did nothing: it closes, once its
    /// leases are back.
    pub fn retire_open(&mut self, now: Time, room: &mut impl Room, id: ConnectionId) {
        let now = self.advance(now, room);
        if let Some(slot) = self.find_connection(id) {
            self.retire(now, room, slot);
        }
        self.settle(room);
    }

    /// A connection is closed, or its withdrawn attempt is gone.
    pub fn closed(&mut self, now: Time, room: &mut impl Room, id: ConnectionId) {
        self.advance(now, room);
        if let Some(slot) = self.find_connection(id) {
            let state = self.connections[slot].state;
            debug_assert!(matches!(state, State::Withdrawn | State::Closing));
            self.remove_connection(room, slot);
        }
        self.settle(room);
    }

    /// Another shard says something.
    pub fn told(&mut self, now: Time, room: &mut impl Room, message: Message) {
        let now = self.advance(now, room);
        match message {
            Message::Grant(grant) => self.use_grant(now, room, grant),
            Message::MakeRoom => {
                *room.budget().asked() = false;
                self.unsettled = true;
            }
        }
        self.settle(room);
    }

    /// Withdraws an attempt that nobody waits for, or else closes the connection that has been idle
    /// longest, for whoever needs what it holds beside its slot.
    pub fn evict_longest_idle(&mut self, now: Time, room: &mut impl Room) {
        let now = self.advance(now, room);
        if let Some(orphan) = self.orphans.front() {
            self.withdraw_attempt(room, orphan);
        } else if let Some(slot) = self.victim() {
            self.evict(now, room, slot);
        }
        self.settle(room);
    }

    /// Time has passed: what is due at `now` happens.
    pub fn tick(&mut self, now: Time, room: &mut impl Room) {
        self.advance(now, room);
        self.settle(room);
    }

    /// What the driver has noted of a request, until its record ends: with an answer without
    /// connection that is taken, a connection that is given back, or
    /// [`forget`](Self::forget).
    #[inline]
    pub fn note(&self, id: RequestId) -> Option<&N> {
        let slot = self.find_request(id)?;
        Some(&self.requests[slot].note)
    }

    /// The same, to be changed.
    #[inline]
    pub fn note_mut(&mut self, id: RequestId) -> Option<&mut N> {
        let slot = self.find_request(id)?;
        Some(&mut self.requests[slot].note)
    }

    /// The next thing to do; to be asked until there is none.
    #[inline]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn request_id(&self, slot: u32) -> RequestId {
        RequestId {
            number: self.requests[slot].number,
            slot,
            shard: self.shard,
        }
    }

    #[inline]
    pub(crate) fn find_request(&self, id: RequestId) -> Option<u32> {
        let request = self.requests.get(id.slot)?;
        (request.number == id.number).then_some(id.slot)
    }

    pub(crate) fn connection_id(&self, slot: u32) -> ConnectionId {
        ConnectionId {
            slot,
            serial: self.connections[slot].serial,
        }
    }

    pub(crate) fn find_connection(&self, id: ConnectionId) -> Option<u32> {
        let connection = self.connections.get(id.slot)?;
        (connection.serial == id.serial).then_some(id.slot)
    }

    pub(crate) fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// The record of a request ends.
    pub(crate) fn end_request(&mut self, slot: u32) -> N {
        let note = std::mem::take(&mut self.requests[slot].note);
        self.requests.discard(slot);
        note
    }

    /// Ends a request that is in no queue, without a connection.
    pub(crate) fn refuse(&mut self, slot: u32, answer: Answer) {
        self.requests[slot].stage = Stage::Refused;
        self.timers
            .withdraw(&mut self.requests, TimerKey::Request(slot));
        let id = self.request_id(slot);
        self.actions.push_back(Action::Answer(id, answer));
    }
}

fn to_max_uses(setting: Option<u64>) -> u32 {
    setting.map_or(u32::MAX, |uses| u32::try_from(uses).unwrap_or(u32::MAX))
}
