//! The assignment of connections to requests (L2, L5).

use crate::action::{Action, Answer};
use crate::budget::Overtake;
use crate::config::IdleOrder;
use crate::connection::{Return, State};
use crate::engine::Engine;
use crate::ids::Ticket;
use crate::request::{FromCache, Stage};
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

impl<K: Eq + Clone, N: Default> Engine<K, N> {
    /// Serves a request that is in no queue with an idle connection of its host, or queues it. A
    /// request that was `admitted` before and lost its connection is exempt from `max_queued`.
    pub(crate) fn serve_or_queue(
        &mut self,
        now: Time,
        room: &mut impl Room,
        request: u32,
        admitted: bool,
    ) {
        if self.shut_down {
            self.refuse(request, Answer::ShutDown);
        } else if let Some(connection) = self.find_at_once(now, room, request) {
            self.tell(request, connection);
        } else {
            self.join_queue(now, room, request, admitted);
            // With a timeout of zero, only a connection that is idle now can serve the request.
            self.advance(now, room);
        }
    }

    /// Assigns an idle connection of its host to a request that is in no queue, if there is one.
    fn find_at_once(&mut self, now: Time, room: &mut impl Room, request: u32) -> Option<u32> {
        let host = self.requests[request].host;
        while let Some(connection) = self.next_available(host) {
            if !self.must_give_way(room, connection, None) {
                self.assign(now, room, connection, request, Some(FromCache::Immediate));
                return Some(connection);
            }
            self.evict(now, room, connection);
        }
        None
    }

    fn join_queue(&mut self, now: Time, room: &mut impl Room, request: u32, admitted: bool) {
        let host = self.requests[request].host;
        if let Some(max) = self.settings.max_queued
            && !self.has_attempt_at_once(room, host)
        {
            let bound = match admitted {
                false => max,
                true => usize::MAX,
            };
            if !room.enter_queue(bound) {
                self.hosts.count(host, |counts| counts.rare().refused += 1);
                self.refuse(request, Answer::QueueFull { max });
                return;
            }
            self.requests[request].counted = true;
        }
        let record = &mut self.requests[request];
        let deadlines = record.deadline.into_iter();
        let first = deadlines.chain(record.attempt_deadline()).min();
        record.enter_queue(room.ticket(), room.overtakes());
        self.timers
            .set(&mut self.requests, TimerKey::Request(request), first);
        self.enqueue(request);
        self.hosts.note_use(host);
        self.rebalance(now, room, host);
    }

    /// Takes out a request that waits, or that has not taken its connection yet. False if it is
    /// neither; otherwise the caller ends it.
    pub(crate) fn withdraw_request(&mut self, now: Time, room: &mut impl Room, slot: u32) -> bool {
        let host = self.requests[slot].host;
        match self.requests[slot].stage {
            Stage::Parked(_) | Stage::Claimed | Stage::Attended(_) => {
                let stage = self.leave_queue(now, room, slot);
                self.timers
                    .withdraw(&mut self.requests, TimerKey::Request(slot));
                if !stage.is_parked() {
                    self.rebalance(now, room, host);
                }
            }
            Stage::Assigned(connection, _) => {
                // The request has not used the connection, so its lease does not count as a use.
                self.connections[connection].uses -= 1;
                self.requests[slot].stage = Stage::Refused;
                self.end_lease(now, room, connection, Return::Reuse);
            }
            Stage::Refused | Stage::Held(..) => return false,
        }
        self.hosts
            .count(host, |counts| counts.rare().cancelled += 1);
        true
    }

    /// Takes a request out of its queue, leaves its attempt without owner and withdraws its claim.
    /// Returns its stage before: a parked request leaves nothing to be balanced.
    pub(crate) fn leave_queue(&mut self, now: Time, room: &mut impl Room, slot: u32) -> Stage {
        let stage = self.requests[slot].stage;
        match stage {
            Stage::Attended(attempt) => {
                let phase = self.connections[attempt].phase;
                self.requests[slot].book(now, phase);
                if self.connections[attempt].state == State::Connecting {
                    self.leave_attempt(now, room, attempt);
                }
            }
            _ => {
                if stage == Stage::Claimed {
                    self.withdraw_claim(room, slot);
                }
                self.requests[slot].leave_queue(now);
                self.leave_count(room, slot);
            }
        }
        self.unqueue(slot);
        stage
    }

    /// The connection that a request for `host` would get.
    #[inline]
    pub(crate) fn next_available(&self, host: u32) -> Option<u32> {
        let available = &self.hosts.at(host).available;
        match self.settings.idle_order {
            IdleOrder::Lifo => available.back(),
            IdleOrder::Fifo => available.front(),
        }
    }

    /// Assigns a connection with room to the waiting requests of its host, and keeps the room that
    /// is left.
    ///
    /// A `new` connection was opened in its first user's turn, and gives way to no claim before it
    /// has served that user.
    pub(crate) fn offer(&mut self, now: Time, room: &mut impl Room, slot: u32, new: bool) {
        let host = self.connections[slot].host;
        let mut in_turn = new;
        let mut balanced = true;
        while self.connections[slot].has_room(self.max_uses)
            && let Some(request) = self.hosts.at(host).queue.front()
        {
            let ticket = self.requests[request].ticket();
            if !std::mem::take(&mut in_turn) && self.must_give_way(room, slot, Some(ticket)) {
                self.evict(now, room, slot);
                break;
            }
            let used = !new && self.connections[slot].uses > 0;
            let from_cache = used.then_some(FromCache::Deferred);
            balanced &= self.leave_queue(now, room, request).is_parked();
            self.timers
                .withdraw(&mut self.requests, TimerKey::Request(request));
            self.assign(now, room, slot, request, from_cache);
            self.tell(request, slot);
        }
        if self.connections[slot].is_let_go() {
            self.become_idle(now, room, slot);
        }
        let connection = &self.connections[slot];
        if connection.has_room(self.max_uses) && !self.keeps_nothing(slot) {
            self.list(slot);
        } else if connection.state == State::Idle
            && (connection.capacity > 0 || self.keeps_nothing(slot))
        {
            self.close(now, room, slot);
        }
        if !balanced {
            self.rebalance(now, room, host);
        }
        if room.oldest_claim().is_some() {
            self.unsettled = true;
        }
    }

    pub(crate) fn enqueue(&mut self, request: u32) {
        let host = self.requests[request].host;
        let Self {
            hosts, requests, ..
        } = self;
        hosts.at_mut(host).queue.push(requests, request);
        self.hosts.waiting += 1;
    }

    pub(crate) fn unqueue(&mut self, request: u32) {
        let host = self.requests[request].host;
        let Self {
            hosts, requests, ..
        } = self;
        hosts.at_mut(host).queue.remove(requests, request);
        self.hosts.waiting -= 1;
    }

    pub(crate) fn leave_count(&mut self, room: &mut impl Room, request: u32) {
        if std::mem::take(&mut self.requests[request].counted) {
            room.leave_queue();
        }
    }

    /// Whether a connection has no lease and may not be kept: `keep_alive` is zero.
    pub(crate) fn keeps_nothing(&self, slot: u32) -> bool {
        self.settings.keep_alive.is_zero() && self.connections[slot].leases == 0
    }

    /// Whether a connection must close for an older claim instead of serving (L2).
    fn must_give_way(&mut self, room: &mut impl Room, slot: u32, ticket: Option<Ticket>) -> bool {
        let overtakes = room
            .oldest_claim()
            .is_some_and(|oldest| ticket.is_none_or(|ticket| oldest < ticket));
        if !overtakes {
            *self.connections[slot].run() = 0;
            return false;
        }
        let run = *self.connections[slot].run();
        match room
            .budget()
            .overtake(ticket, run, self.settings.max_reuse_streak)
        {
            Overtake::Nobody => false,
            Overtake::Allowed => {
                *self.connections[slot].run() += 1;
                false
            }
            Overtake::GiveWay => true,
        }
    }

    /// Assigns a connection to a request that is in no queue.
    fn assign(
        &mut self,
        now: Time,
        room: &mut impl Room,
        slot: u32,
        request: u32,
        from_cache: Option<FromCache>,
    ) {
        let connection = &mut self.connections[slot];
        connection.leases += 1;
        connection.uses = connection.uses.saturating_add(1);
        let host = connection.host;
        let full = !connection.has_room(self.max_uses);
        let idle = connection.state == State::Idle;
        if idle {
            connection.enter(State::Leased);
        }
        if full {
            self.unlist(slot);
        }
        if idle {
            self.leave_idle(room, slot);
            self.hosts.count_move(host, State::Idle, State::Leased);
        }
        debug_assert!(self.requests[request].since <= now);
        self.requests[request].stage = Stage::Assigned(slot, from_cache);
    }

    /// Answers a request with the connection assigned to it.
    pub(crate) fn tell(&mut self, request: u32, slot: u32) {
        let action = Action::Answer(
            self.request_id(request),
            Answer::Connection(self.connection_id(slot)),
        );
        self.actions.push_back(action);
    }
}
