//! The inputs and outputs of an engine, without policy.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::action::{Action, Answer, Message};
use crate::arena::{Arena, KEPT_WHEN_EMPTY};
use crate::budget::Grant;
use crate::config::{Config, Settings};
use crate::connection::{Capacity, Connection, Phase, Return, State};
use crate::event::{Decision, EndReason, Events};
use crate::host::Hosts;
use crate::ids::{ConnectionId, HostId, RequestId, ShardId};
use crate::policy::Random;
use crate::request::{Ask, FromCache, Request, Stage};
use crate::room::Room;
use crate::slot_list::SlotList;
use crate::stats::WaitingTime;
use crate::time::{Time, to_nanos};
use crate::timer::{TimerKey, Timers};

/// One shard of a manager: its hosts, their requests and connections.
///
/// After every input the driver drains [`poll_action`](Self::poll_action) and reads
/// [`poll_timeout`](Self::poll_timeout). An input whose `now` lies before an earlier one takes the
/// earlier one's time. Everything due at `now` happens before the input itself.
///
/// `K` is the key of a host. `D` is the [`data`](Self::data) of the driver about a request, which the
/// engine never reads.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub struct Engine<K, D = ()> {
    pub(crate) settings: Settings,
    /// The setting, in nanoseconds; `None` is longer than [`Time`] can express.
    pub(crate) keep_alive: Option<u64>,
    /// The same of the setting `timeout`.
    pub(crate) timeout: Option<u64>,
    /// The setting, at most `u32::MAX`, which also means no limit.
    pub(crate) max_uses: u32,
    pub(crate) shard: ShardId,
    pub(crate) hosts: Hosts<K>,
    pub(crate) requests: Arena<Request<D>>,
    pub(crate) connections: Arena<Connection>,
    pub(crate) idle: SlotList,
    /// Attempts without owner that may finish, the one that lost its owner first in front.
    pub(crate) orphans: SlotList,
    pub(crate) timers: Timers,
    pub(crate) actions: VecDeque<Action>,
    pub(crate) waiting_time: WaitingTime,
    pub(crate) random: Random,
    pub(crate) now: Option<Time>,
    /// Once set, all requests are refused.
    pub(crate) shut_down: bool,
    /// Whether the present input has changed the budget, or state that matters to it, or a host.
    pub(crate) unsettled: bool,
    /// Hosts whose attempts and claims may not fit their queues and limits; empty between inputs.
    pub(crate) dirty: VecDeque<u32>,
    pub(crate) serial: u32,
    /// Whether no input takes a fast path: the engine is observed or shut down, or a test compares.
    pub(crate) is_general: bool,
    /// Since when lanes may have idle connections, if they may.
    pub(crate) lent_since: Option<Time>,
    /// When the first of the lanes must be called back.
    pub(crate) lent_until: Option<Time>,
    /// When its user returned the connection that comes back from a lane now.
    pub(crate) returned_at: Option<Time>,
    /// Kept while the engine is observed.
    pub(crate) events: Option<Box<Events>>,
}

/// An answer that its user has taken.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// The connection, if the answer is one.
    pub connection: Option<ConnectionId>,
    /// How a reused connection came to the request; `None` if it is new.
    pub from_cache: Option<FromCache>,
}

impl<K: Eq + Clone> Engine<K> {
    /// An engine without hosts, whose driver keeps no data in it.
    pub fn new(config: &Config, shard: ShardId) -> Self {
        Self::with_data(config, shard)
    }
}

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// An engine without hosts, with data of the driver in each request's record.
    pub fn with_data(config: &Config, shard: ShardId) -> Self {
        let settings = config.settings().clone();
        Self {
            random: Random::new(settings.seed ^ u64::from(shard.0) << 48),
            keep_alive: to_nanos(settings.keep_alive),
            timeout: to_nanos(settings.timeout),
            max_uses: to_max_uses(settings.max_uses),
            settings,
            shard,
            hosts: Hosts::new(config.remembered_hosts()),
            requests: Arena::new(),
            connections: Arena::new(),
            idle: SlotList::new(),
            orphans: SlotList::new(),
            timers: Timers::new(),
            actions: VecDeque::new(),
            waiting_time: WaitingTime::default(),
            now: None,
            shut_down: false,
            unsettled: false,
            dirty: VecDeque::new(),
            serial: 0,
            is_general: false,
            lent_since: None,
            lent_until: None,
            returned_at: None,
            events: None,
        }
    }

    /// Finds a host by its key, or creates its record. Equal keys have equal hashes.
    ///
    /// The id is valid for a request made now, after a [`tick`](Self::tick) at the same time. Any
    /// other input may forget a host that is out of use.
    pub fn host(&mut self, hash: u64, key: &K) -> HostId {
        self.host_with(hash, key, || false)
    }

    /// Like [`host`](Self::host). For a new record, `shares` returns whether connections to the
    /// host are known to carry several leases. Later the host's connections decide that (see
    /// [`Capacity`]).
    pub fn host_with(&mut self, hash: u64, key: &K, shares: impl FnOnce() -> bool) -> HostId {
        self.hosts.enter(hash, key, shares)
    }

    /// Limits a host to `connections` at once, in place of `max_per_host` (B2).
    ///
    /// The host must not have had a request yet. 0 counts as 1.
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

    /// Requests a connection. The answer comes as an action.
    pub fn request(&mut self, now: Time, room: &mut impl Room, ask: Ask) -> RequestId {
        let now = self.advance(now, room);
        let slot = self.admit(now, ask);
        self.event(ask.host.slot, |engine| Decision::Asked {
            request: engine.request_id(slot),
        });
        self.serve_or_queue(now, room, slot, false);
        self.settle(room);
        self.request_id(slot)
    }

    fn admit(&mut self, now: Time, ask: Ask) -> u32 {
        let request = self.new_request(now, ask.host.slot, &ask, D::default());
        self.requests.insert(request)
    }

    /// The record of a request that came at `now`, in no queue yet.
    #[inline]
    pub(crate) fn new_request<H>(&self, now: Time, host: u32, ask: &Ask<H>, data: D) -> Request<D> {
        let deadline = self.deadline(now, ask.timeout);
        let mut request = Request::new(ask.number, host, now, deadline, data);
        if let Some(limit) = ask.queue_timeout {
            request.set_attempt_deadline(now.checked_add(limit));
        }
        request
    }

    /// The deadline of a request that comes now, with its own timeout or the manager's.
    #[inline]
    pub(crate) fn deadline(&self, now: Time, timeout: Option<Duration>) -> Option<Time> {
        let nanos = timeout.map_or(self.timeout, to_nanos);
        now.checked_add_nanos(nanos?)
    }

    /// Rejects the connection of a request, because it ended before its user got it. It is closed,
    /// and the request rejoins the end of the queue, within its deadline: it had no place among the
    /// requests that have come since. An answer that was taken counts as not taken.
    ///
    /// If this happens twice with new connections that no request has taken, the answer is
    /// [`Answer::Failed`]. So a peer that closes every new connection is not retried until the
    /// deadline. A shared connection that another request has taken does not count, because it may
    /// have served that one.
    pub fn reject(&mut self, now: Time, room: &mut impl Room, id: RequestId) {
        let now = self.advance(now, room);
        if let Some(slot) = self.find_request(id)
            && let Stage::Assigned(connection, from_cache) | Stage::Held(connection, from_cache) =
                self.requests[slot].stage
        {
            let host = self.requests[slot].host;
            self.event(host, |engine| Decision::Rejected {
                request: engine.request_id(slot),
                connection: engine.connection_id(connection),
            });
            let request = &mut self.requests[slot];
            if let Stage::Held(..) = request.stage {
                self.waiting_time.take_back(request.spent().total());
                self.hosts.count_reuse(host, from_cache, u64::wrapping_sub);
            }
            self.hosts
                .count(host, |counts| counts.rare().closed_by_peer += 1);
            request.book(now, None);
            let unused = from_cache.is_none() && self.connections[connection].phase.is_some();
            let failed = request.is_lost() && unused;
            request.rare().lost |= unused;
            request.stage = Stage::NEW;
            self.end_lease(now, room, connection, Return::Close, EndReason::Rejected);
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

    /// Cancels a request that waits, or whose connection has not been taken. Returns whether there
    /// was one to cancel; if so, its answer is [`Answer::Cancelled`].
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

    /// Ends a request that its caller has dropped, and returns its data. `None` if its record has
    /// ended, or its user has taken the connection.
    pub fn forget(&mut self, now: Time, room: &mut impl Room, id: RequestId) -> Option<D> {
        let now = self.advance(now, room);
        let slot = self.find_request(id);
        let data = slot.and_then(|slot| {
            let withdrawn = self.withdraw_request(now, room, slot);
            let ended = withdrawn || self.requests[slot].stage == Stage::Refused;
            if withdrawn {
                self.event(self.requests[slot].host, |engine| Decision::Forgotten {
                    request: engine.request_id(slot),
                });
            }
            ended.then(|| self.end_request(slot))
        });
        self.settle(room);
        data
    }

    /// Takes the answer of a request; `None` if there is none yet.
    #[inline]
    pub fn take(&mut self, id: RequestId) -> Option<Taken> {
        if self.events.is_some() {
            self.tell_taken(id);
        }
        let slot = self.find_request(id)?;
        let request = &mut self.requests[slot];
        match request.stage {
            Stage::Assigned(connection, from_cache) => {
                request.stage = Stage::Held(connection, from_cache);
                self.waiting_time.record(request.spent().total());
                self.hosts
                    .count_reuse(request.host, from_cache, u64::wrapping_add);
                self.connections[connection].phase = None;
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

    /// Reports that an attempt has entered another phase.
    pub fn progress(&mut self, now: Time, room: &mut impl Room, id: ConnectionId, phase: Phase) {
        let now = self.advance(now, room);
        if let Some(slot) = self.find_connection(id) {
            let connection = &mut self.connections[slot];
            let before = connection.phase;
            connection.phase = before.map(|_| phase);
            let host = connection.host;
            if connection.state == State::Connecting {
                if let Some(owner) = connection.owner() {
                    self.requests[owner].book(now, before);
                    self.note_wait(owner);
                }
                self.event(host, |engine| Decision::AttemptProgressed {
                    connection: engine.connection_id(slot),
                    phase,
                });
            }
            if !self.hosts.at(host).orphans.is_empty() {
                self.mark(host);
            }
        }
        self.settle(room);
    }

    /// Reports that an attempt has opened a connection of this capacity.
    ///
    /// Returns false if the connection is no longer wanted: the driver closes it and reports
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

    /// Reports that an attempt has failed, and nothing of it is left. Its owner is answered
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

    /// Ends the lease of `request` on the connection that it was answered with.
    pub fn released(&mut self, now: Time, room: &mut impl Room, request: RequestId, how: Return) {
        let now = self.advance(now, room);
        self.end_held(now, room, request, how);
        self.settle(room);
    }

    pub(crate) fn end_held(
        &mut self,
        now: Time,
        room: &mut impl Room,
        request: RequestId,
        how: Return,
    ) {
        if !self.take_back(now, room, request, how)
            && let Some(slot) = self.find_request(request)
            && let Stage::Held(connection, _) = self.requests[slot].stage
        {
            self.event(self.requests[slot].host, |engine| Decision::Returned {
                request,
                connection: engine.connection_id(connection),
                how,
            });
            self.requests.discard(slot);
            self.end_lease(now, room, connection, how, EndReason::User);
        }
    }

    /// Changes the capacity of a connection.
    ///
    /// If a connection without room gains some, waiting requests use it.
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

    /// Reports that the peer has closed an open connection, or sent data that no request asked for.
    ///
    /// An idle connection closes at once, any other when its last lease ends.
    pub fn peer_closed(&mut self, now: Time, room: &mut impl Room, id: ConnectionId) {
        let now = self.advance(now, room);
        if let Some(slot) = self.find_connection(id) {
            if self.connections[slot].state == State::Idle {
                let host = self.connections[slot].host;
                self.hosts
                    .count(host, |counts| counts.rare().closed_by_peer += 1);
            }
            self.retire(now, room, slot, EndReason::Peer);
        }
        self.settle(room);
    }

    /// Retires an open connection whose peer did nothing: it takes no further lease, and closes
    /// when its last lease ends.
    pub fn retire_open(&mut self, now: Time, room: &mut impl Room, id: ConnectionId) {
        let now = self.advance(now, room);
        if let Some(slot) = self.find_connection(id) {
            self.retire(now, room, slot, EndReason::Driver);
        }
        self.settle(room);
    }

    /// Reports that a connection is closed, or that a withdrawn attempt is gone.
    pub fn closed(&mut self, now: Time, room: &mut impl Room, id: ConnectionId) {
        self.advance(now, room);
        if let Some(slot) = self.find_connection(id) {
            let state = self.connections[slot].state;
            debug_assert!(matches!(state, State::Withdrawn | State::Closing));
            self.remove_connection(room, slot);
        }
        self.settle(room);
    }

    /// Handles a message from another shard.
    pub fn receive(&mut self, now: Time, room: &mut impl Room, message: Message) {
        let now = self.advance(now, room);
        match message {
            Message::Grant(grant) => self.use_grant(now, room, grant),
            Message::MakeRoom => *self.budget(room).asked() = false,
        }
        self.settle(room);
    }

    /// Withdraws an attempt without owner, or else closes the connection idle longest. The
    /// driver calls it to free a resource beside the slot, such as a file descriptor.
    pub fn evict_longest_idle(&mut self, now: Time, room: &mut impl Room) {
        let now = self.advance(now, room);
        if let Some(orphan) = self.orphans.front() {
            self.withdraw_attempt(room, orphan, EndReason::FreesDescriptor);
        } else if let Some(slot) = self.victim() {
            self.evict(now, room, slot, EndReason::FreesDescriptor);
        }
        self.settle(room);
    }

    /// Handles everything due at `now`.
    pub fn tick(&mut self, now: Time, room: &mut impl Room) {
        self.advance(now, room);
        self.settle(room);
    }

    /// The driver's data about a request, until the request's record ends. The record ends when an
    /// answer without connection is taken, when the connection is given back, or by
    /// [`forget`](Self::forget).
    #[inline]
    pub fn data(&self, id: RequestId) -> Option<&D> {
        let slot = self.find_request(id)?;
        Some(&self.requests[slot].data)
    }

    /// Like [`data`](Self::data), but mutable.
    #[inline]
    pub fn data_mut(&mut self, id: RequestId) -> Option<&mut D> {
        let slot = self.find_request(id)?;
        Some(&mut self.requests[slot].data)
    }

    /// The next action. The driver polls until there is none.
    #[inline]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Ends an input: balances the hosts that it has changed, passes on the permits that have become
    /// free, and makes room for claims.
    #[inline]
    pub(crate) fn settle(&mut self, room: &mut impl Room) {
        if self.unsettled {
            self.converge(room);
        }
        // The check takes the budget's lock, which would hide schedules from loom and shuttle.
        #[cfg(all(feature = "check", not(any(keepalive_loom, keepalive_shuttle))))]
        crate::invariant::check(self, room.budget());
    }

    fn converge(&mut self, room: &mut impl Room) {
        let Some(now) = self.now else { return };
        loop {
            // With a timeout of zero, only a connection that is idle now serves a request.
            if self.balance_next(now, room) {
                continue;
            }
            if self.is_due(now) {
                self.do_what_is_due(now, room);
                continue;
            }
            let budget = room.budget();
            if let Some(grant) = budget.poll_grant() {
                self.pass_on(now, room, grant);
            } else if *budget.asked() {
                break;
            } else if let Some(shard) = budget.orphan_in_the_way(self.shard) {
                match self.orphans.front() {
                    Some(orphan) if shard == self.shard => {
                        let why = self.making_room(room);
                        self.withdraw_attempt(room, orphan, why);
                    }
                    _ => self.ask_for_room(room, shard),
                }
            } else if budget.needs_eviction() {
                match (room.idle_longest(), self.victim()) {
                    (Some(shard), Some(slot)) if shard == self.shard => {
                        let why = self.making_room(room);
                        self.evict(now, room, slot, why);
                    }
                    (Some(shard), _) if shard != self.shard => self.ask_for_room(room, shard),
                    _ => break,
                }
            } else {
                break;
            }
        }
        self.tell_waits(now, room);
        self.unsettled = false;
    }

    /// Balances the host that was marked first; false if none is.
    pub(crate) fn balance_next(&mut self, now: Time, room: &mut impl Room) -> bool {
        let Some(host) = self.dirty.pop_front() else {
            self.dirty.shrink_to(KEPT_WHEN_EMPTY);
            return false;
        };
        if self.hosts.is_known(host) {
            self.balance(now, room, host);
            self.hosts.note_use(host);
        }
        true
    }

    fn pass_on(&mut self, now: Time, room: &mut impl Room, grant: Grant) {
        if grant.shard == self.shard {
            self.use_grant(now, room, grant);
        } else {
            let action = Action::Send(grant.shard, Message::Grant(grant));
            self.actions.push_back(action);
        }
    }

    fn ask_for_room(&mut self, room: &mut impl Room, shard: ShardId) {
        *self.budget(room).asked() = true;
        self.actions
            .push_back(Action::Send(shard, Message::MakeRoom));
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

    /// Ends the record of a request, and returns its data.
    pub(crate) fn end_request(&mut self, slot: u32) -> D {
        let data = std::mem::take(&mut self.requests[slot].data);
        self.requests.discard(slot);
        data
    }

    /// Answers a request that is in no queue, without a connection.
    pub(crate) fn refuse(&mut self, slot: u32, answer: Answer) {
        self.requests[slot].stage = Stage::Refused;
        self.timers
            .withdraw(&mut self.requests, TimerKey::Request(slot));
        let id = self.request_id(slot);
        self.actions.push_back(Action::Answer(id, answer));
        self.event(self.requests[slot].host, |_| Decision::Refused {
            request: id,
            answer,
        });
    }
}

fn to_max_uses(setting: Option<u64>) -> u32 {
    setting.map_or(u32::MAX, |uses| u32::try_from(uses).unwrap_or(u32::MAX))
}
