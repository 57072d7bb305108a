//! The short ways: a hit and its release, a place in the queue, and a connection that goes from hand
//! to hand.
//!
//! Each leaves the state that its general twin in [`engine`](crate::engine), [`dispatch`](crate::dispatch) and
//! [`lifecycle`](crate::lifecycle) leaves, without the checks whose outcome is known:
//!
//! | Short way | General twin |
//! |---|---|
//! | `lease` | `request` |
//! | `lend` | `assign`, `take` |
//! | `wait` | `join_queue` |
//! | `take_back` | `end_lease`, `offer` |
//! | `hand_over` | `offer`, `assign` |
//! | `forget_parked` | `forget` |
//!
//! The model answers both alike, so each is held against it. `tests/fast_paths.rs` compares the two.
//! They tell no [event](crate::event): an observed engine goes the general way.

use crate::connection::{Connection, Return, State};
use crate::engine::Engine;
use crate::ids::{ConnectionId, RequestId};
use crate::request::{Ask, FromCache, Request, Stage};
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

/// The result of [`Engine::lease`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased<T = ConnectionId> {
    /// The request has taken a connection, for which the driver gave this value. If the connection
    /// turns out to be dead, the driver [rejects](Engine::reject) it.
    Held(RequestId, T),
    /// The request waits. The answer comes as an action.
    Waits(RequestId),
}

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// Requests a connection of the host with this hash and key, for a user that takes it at once.
    /// An idle connection is returned directly, and not as an action. If all the host's connections
    /// are in use, the request waits. Its record begins with this `data`.
    ///
    /// The connection goes through `take` as soon as it is chosen. A driver that takes its own record
    /// there waits for memory at the same time as the engine.
    ///
    /// Returns `None`, with nothing changed, if the request must go through
    /// [`request`](Self::request).
    #[inline]
    pub fn lease<T>(
        &mut self,
        now: Time,
        room: &mut impl Room,
        ask: Ask<(u64, &K)>,
        data: D,
        take: impl FnOnce(ConnectionId) -> T,
    ) -> Option<Leased<T>> {
        let now = self.clamp(now);
        if room.oldest_claim().is_some()
            || self.is_general
            || self.is_due(now)
            || self.are_lanes_due(now)
        {
            return None;
        }
        let (hash, key) = ask.host;
        let host = self.hosts.find(hash, key)?;
        let Some(slot) = self.next_available(host) else {
            return self.wait(now, room, host, &ask, data).map(Leased::Waits);
        };
        let connection = &self.connections[slot];
        if connection.capacity != 1 {
            return None;
        }
        let taken = take(ConnectionId {
            slot,
            serial: connection.serial,
        });
        self.lend(room, host, slot);
        let mut request = self.new_request(now, host, &ask, data);
        request.stage = Stage::Held(slot, Some(FromCache::Immediate));
        self.waiting_time.record(0);
        let slot = self.requests.insert(request);
        self.settle(room);
        let number = ask.number;
        let shard = self.shard;
        Some(Leased::Held(
            RequestId {
                number,
                slot,
                shard,
            },
            taken,
        ))
    }

    #[inline]
    fn lend(&mut self, room: &mut impl Room, host: u32, slot: u32) {
        let connection = &mut self.connections[slot];
        debug_assert!(connection.state == State::Idle && connection.has_room(self.max_uses));
        connection.state = State::Leased;
        connection.leases = 1;
        connection.uses = connection.uses.saturating_add(1);
        *connection.run() = 0;
        connection.listed = false;
        connection.phase = None;
        let available = &mut self.hosts.at_mut(host).available;
        available.remove(&mut self.connections, slot, Connection::host_link);
        self.leave_idle(room, slot);
        self.hosts.count(host, |counts| {
            counts.idle -= 1;
            counts.leased += 1;
            counts.reused_immediate += 1;
        });
    }

    /// Takes back a connection that carries one lease at a time and may be reused, for a waiting
    /// request if there is one. False if it must take the long way.
    #[inline]
    pub(crate) fn take_back(
        &mut self,
        now: Time,
        room: &mut impl Room,
        request: RequestId,
        how: Return,
    ) -> bool {
        let Some(held) = self.find_request(request) else {
            return false;
        };
        let Stage::Held(slot, _) = self.requests[held].stage else {
            return false;
        };
        if how != Return::Reuse || self.is_general || !self.may_take_back(slot) {
            return false;
        }
        let connection = &mut self.connections[slot];
        let host_slot = connection.host;
        let host = self.hosts.at_mut(host_slot);
        if host.wants_balance() {
            return self.hand_over(now, room, held, slot);
        }
        connection.state = State::Idle;
        connection.leases = 0;
        connection.listed = true;
        let available = &mut host.available;
        available.push_back(&mut self.connections, slot, Connection::host_link);
        self.hosts.count(host_slot, |counts| {
            counts.leased -= 1;
            counts.idle += 1;
        });
        self.enter_idle(now, room, slot);
        self.requests.discard(held);
        true
    }

    /// Whether a connection carries one lease at a time, and may be reused when that ends.
    #[inline]
    pub(crate) fn may_take_back(&self, slot: u32) -> bool {
        let connection = &self.connections[slot];
        connection.capacity == 1
            && connection.leases == 1
            && !connection.is_retiring()
            && !connection.is_worn(self.max_uses)
            && self.keep_alive != Some(0)
    }

    /// Whether a request that finds no connection can do nothing but wait for one.
    #[inline]
    pub(crate) fn must_wait(&self, host: u32) -> bool {
        !self.may_claim(host)
            && self.hosts.at(host).orphans.is_empty()
            && self.settings.max_queued.is_none()
    }

    /// Queues a request that can do nothing else: its host is at its limit, and has no attempt
    /// without owner. `None`, with nothing changed, if the request must take the long way.
    #[inline(never)]
    pub(crate) fn wait<H>(
        &mut self,
        now: Time,
        room: &mut impl Room,
        host: u32,
        ask: &Ask<H>,
        data: D,
    ) -> Option<RequestId> {
        let deadline = self.deadline(now, ask.timeout);
        if !self.must_wait(host)
            || ask.queue_timeout.is_some()
            || deadline.is_some_and(|deadline| deadline <= now)
        {
            return None;
        }
        let mut request = Request::new(ask.number, host, now, deadline, data);
        request.enter_queue(room.ticket(), room.overtakes());
        let slot = self.requests.insert(request);
        self.timers
            .set(&mut self.requests, TimerKey::Request(slot), deadline);
        self.enqueue(slot);
        self.settle(room);
        Some(self.request_id(slot))
    }

    /// Turns the fast paths off, for a comparison.
    #[cfg(feature = "check")]
    pub fn go_general(&mut self) {
        self.is_general = true;
    }

    /// Removes a parked request that its caller has dropped, and returns its data. Nothing needs to
    /// be rebalanced. `None`, with nothing changed, if the request is not parked.
    ///
    /// It needs no time: deadlines that have passed stay due until the next input that has one.
    pub fn forget_parked(&mut self, room: &mut impl Room, id: RequestId) -> Option<D> {
        let (now, slot) = (self.now?, self.find_request(id)?);
        let Request { stage, host, .. } = self.requests[slot];
        if !stage.is_parked() || self.is_general {
            return None;
        }
        self.leave_queue(now, room, slot);
        self.timers
            .withdraw(&mut self.requests, TimerKey::Request(slot));
        self.hosts
            .count(host, |counts| counts.rare().cancelled += 1);
        let data = self.end_request(slot);
        self.settle(room);
        Some(data)
    }

    /// Passes a connection from the request that has `held` it to the first in the queue. That one
    /// must be parked, and no claim may be older. False, with nothing changed, if it must take the
    /// long way.
    #[inline(never)]
    pub(crate) fn hand_over(
        &mut self,
        now: Time,
        room: &mut impl Room,
        held: u32,
        slot: u32,
    ) -> bool {
        let queue = &self.hosts.at(self.requests[held].host).queue;
        let Some(next) = queue.front() else {
            return false;
        };
        if room.oldest_claim().is_some() || !self.requests[next].stage.is_parked() {
            return false;
        }
        self.leave_queue(now, room, next);
        self.timers
            .withdraw(&mut self.requests, TimerKey::Request(next));
        let connection = &mut self.connections[slot];
        connection.uses = connection.uses.saturating_add(1);
        *connection.run() = 0;
        self.requests[next].stage = Stage::Assigned(slot, Some(FromCache::Deferred));
        self.requests.discard(held);
        self.answer_with(next, slot);
        true
    }
}
