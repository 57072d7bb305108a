//! The assignment of connections to requests, and all that gives a connection room for one (L2, L5).

use std::time::Duration;

use crate::action::{Action, Answer};
use crate::budget::Overtake;
use crate::config::IdleOrder;
use crate::connection::{Capacity, Outlook, Return, State};
use crate::engine::Engine;
use crate::event::{Decision, EndReason};
use crate::ids::Ticket;
use crate::policy::lifetime_end;
use crate::request::{FromCache, Request, Stage};
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

impl<K: Eq + Clone, D: Default> Engine<K, D> {
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
            self.answer_with(request, connection);
        } else {
            self.join_queue(room, request, admitted);
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
            let why = self.making_room(room);
            self.evict(now, room, connection, why);
        }
        None
    }

    fn join_queue(&mut self, room: &mut impl Room, request: u32, admitted: bool) {
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
        self.note_wait(request);
        self.hosts.note_use(host);
        self.mark(host);
    }

    /// Takes out a request that waits, or that has not taken its connection yet. False if it is
    /// neither; otherwise the caller ends it.
    pub(crate) fn withdraw_request(&mut self, now: Time, room: &mut impl Room, slot: u32) -> bool {
        let host = self.requests[slot].host;
        match self.requests[slot].stage {
            Stage::Parked(_) | Stage::Claimed | Stage::Attended(_) => {
                self.leave_queue(now, room, slot);
                self.timers
                    .withdraw(&mut self.requests, TimerKey::Request(slot));
            }
            Stage::Assigned(connection, _) => {
                self.event(host, |engine| Decision::Unassigned {
                    request: engine.request_id(slot),
                    connection: engine.connection_id(connection),
                });
                // The request has not used the connection, so its lease does not count as a use.
                self.connections[connection].uses -= 1;
                self.requests[slot].stage = Stage::Refused;
                self.end_lease(now, room, connection, Return::Reuse, EndReason::User);
            }
            Stage::Refused | Stage::Held(..) => return false,
        }
        self.hosts
            .count(host, |counts| counts.rare().cancelled += 1);
        true
    }

    /// Takes a request out of its queue, leaves its attempt without owner and withdraws its claim.
    pub(crate) fn leave_queue(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        let Request { stage, host, .. } = self.requests[slot];
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
        if !stage.is_parked() {
            self.mark(host);
        }
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
        while self.connections[slot].has_room(self.max_uses)
            && let Some(request) = self.hosts.at(host).queue.front()
        {
            let ticket = self.requests[request].ticket();
            if !std::mem::take(&mut in_turn) && self.must_give_way(room, slot, Some(ticket)) {
                let why = self.making_room(room);
                self.evict(now, room, slot, why);
                break;
            }
            let used = !new && self.connections[slot].uses > 0;
            let from_cache = used.then_some(FromCache::Deferred);
            self.leave_queue(now, room, request);
            self.timers
                .withdraw(&mut self.requests, TimerKey::Request(request));
            self.assign(now, room, slot, request, from_cache);
            self.answer_with(request, slot);
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
            let why = match self.connections[slot].is_worn(self.max_uses) {
                true => EndReason::Uses,
                false => EndReason::NotKept,
            };
            self.close(now, room, slot, why);
        }
    }

    /// Turns an attempt into an open connection, for the first in the queue (L5).
    pub(crate) fn open(&mut self, now: Time, room: &mut impl Room, slot: u32, capacity: Capacity) {
        self.budget(room).attempt_ended();
        let host = self.connections[slot].host;
        self.note_limit(room, host);
        self.hosts.count(host, |counts| counts.opened += 1);
        self.event(host, |engine| Decision::Opened {
            connection: engine.connection_id(slot),
        });
        self.hosts.at_mut(host).shares = capacity != Capacity::One;
        match self.connections[slot].end_attempt() {
            Some(owner) => self.swap_with_front(now, host, slot, owner),
            None => self.remove_orphan(room, host, slot),
        }
        let end = lifetime_end(
            now,
            self.settings.max_lifetime,
            self.settings.lifetime_jitter,
            &mut self.random,
        );
        self.timers
            .set(&mut self.requests, TimerKey::Connection(slot), end);
        #[cfg(feature = "check")]
        {
            self.connections[slot].ends = end;
        }
        let (leases, provisional) = capacity.parts();
        self.connections[slot].capacity = leases.max(1);
        self.connections[slot].idle_since = now;
        if !provisional && capacity != Capacity::One {
            self.withdraw_claims(room, host);
        }
        self.become_idle(now, room, slot);
        match provisional {
            true => self.offer_provisional(now, room, slot, true),
            false => self.offer(now, room, slot, true),
        }
    }

    /// Offers a connection that is provisional from now on. One that closes at once has not held
    /// up its host: the overtakes of the host's waiters count on (L2).
    fn offer_provisional(&mut self, now: Time, room: &mut impl Room, slot: u32, new: bool) {
        let host = self.connections[slot].host;
        let overtakes_before = self.hosts.at(host).overtakes_before;
        self.begin_provisional(room, slot);
        self.offer(now, room, slot, new);
        if self.connections[slot].outlook != Outlook::Provisional {
            self.hosts.at_mut(host).overtakes_before = overtakes_before;
            self.note_limit(room, host);
        }
    }

    /// Ends a lease. If the connection closes because of `how`, `why` has the reason.
    pub(crate) fn end_lease(
        &mut self,
        now: Time,
        room: &mut impl Room,
        slot: u32,
        how: Return,
        why: EndReason,
    ) {
        let connection = &mut self.connections[slot];
        connection.leases -= 1;
        let last = connection.leases == 0;
        match how {
            Return::Closed if last => {
                self.tell_retired(slot, why);
                self.unlist(slot);
                self.remove_connection(room, slot);
            }
            Return::Closed | Return::Close => self.retire(now, room, slot, why),
            Return::Reuse => self.end_reuse(now, room, slot),
        }
    }

    /// Ends a lease whose connection may serve others.
    fn end_reuse(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        let worn = self.connections[slot].is_worn(self.max_uses);
        let used = self.connections[slot].uses > 0;
        let goes = worn || self.shut_down || (used && self.keeps_nothing(slot));
        if goes || self.connections[slot].is_retiring() {
            let why = match (worn, self.shut_down) {
                (true, _) => EndReason::Uses,
                (false, true) => EndReason::ShutDown,
                (false, false) => EndReason::NotKept,
            };
            self.retire(now, room, slot, why);
        } else {
            // A shared connection may have had room all the time; now it is the one returned last.
            self.unlist(slot);
            self.offer(now, room, slot, false);
        }
    }

    pub(crate) fn set_capacity(
        &mut self,
        now: Time,
        room: &mut impl Room,
        slot: u32,
        capacity: Capacity,
    ) {
        let (leases, provisional) = capacity.parts();
        let connection = &mut self.connections[slot];
        connection.capacity = leases;
        if !connection.is_open() {
            return;
        }
        let has_room = connection.has_room(self.max_uses);
        match (connection.outlook, provisional) {
            (Outlook::Settled, true) if has_room => {
                return self.offer_provisional(now, room, slot, false);
            }
            (Outlook::Settled, true) => self.begin_provisional(room, slot),
            (Outlook::Provisional, false) => self.end_provisional(room, slot, Outlook::Settled),
            _ => {}
        }
        match has_room {
            true => self.offer(now, room, slot, false),
            false => self.unlist(slot),
        }
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
                self.event(self.connections[slot].host, |engine| Decision::Overtook {
                    connection: engine.connection_id(slot),
                });
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
        self.event(host, |engine| Decision::Assigned {
            request: engine.request_id(request),
            connection: engine.connection_id(slot),
            from_cache,
            idle_for: match idle {
                true => now.saturating_duration_since(engine.connections[slot].idle_since),
                false => Duration::ZERO,
            },
        });
    }

    /// Answers a request with the connection assigned to it.
    pub(crate) fn answer_with(&mut self, request: u32, slot: u32) {
        let action = Action::Answer(
            self.request_id(request),
            Answer::Connection(self.connection_id(slot)),
        );
        self.actions.push_back(action);
    }
}
