//! Who gets which connection, and who may open one: the rules of SPEC L.

use std::time::Instant;

use crate::action::{Action, Answer, Message};
use crate::budget::{Grant, Overtake, Slot};
use crate::config::IdleOrder;
use crate::connection::{Connection, Return, State};
use crate::engine::Engine;
use crate::ids::{RequestId, Ticket};
use crate::policy::lifetime_end;
use crate::request::{Ask, FromCache, Request, Stage};
use crate::room::Room;
use crate::timer::TimerKey;

impl<K: Eq + Clone> Engine<K> {
    /// Gives a new request an idle connection, if its host has one.
    pub(crate) fn serve_at_once(
        &mut self,
        now: Instant,
        room: &mut impl Room,
        host: u32,
        request: u32,
    ) -> bool {
        while let Some(connection) = self.next_available(host) {
            if self.must_give_way(room, connection, None) {
                self.evict(now, room, connection);
            } else {
                self.assign(now, room, connection, request, Some(FromCache::Immediate));
                return true;
            }
        }
        false
    }

    /// Makes a new request wait, and starts what can be started for it.
    pub(crate) fn join_queue(
        &mut self,
        now: Instant,
        room: &mut impl Room,
        ask: &Ask,
        request: u32,
    ) {
        let host = ask.host.slot;
        if let Some(max) = self.settings.max_queued {
            let opens_at_once = self.may_claim(host)
                && self.hosts.at(host).queue.first_parked().is_none()
                && room.budget().has_room();
            if !opens_at_once {
                if !room.enter_queue(max) {
                    self.hosts.count(host, |counts| counts.refused += 1);
                    self.refuse(request, Answer::QueueFull { max });
                    return;
                }
                self.requests[request].counted = true;
            }
        }
        let timeout = ask.timeout.unwrap_or(self.settings.timeout);
        let deadline = now.checked_add(timeout);
        let attempt_deadline = ask.queue_timeout.and_then(|limit| now.checked_add(limit));
        let first = match (deadline, attempt_deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.requests[request].ticket = room.ticket();
        self.requests[request].mark = room.overtakes();
        self.requests[request].deadline = deadline;
        self.timers.set(TimerKey::Request(request), first);
        self.hosts.count(host, |counts| counts.waiting += 1);
        let Self {
            hosts, requests, ..
        } = self;
        hosts.at_mut(host).queue.push(requests, request);
        self.hosts.note_use(host);
        self.rebalance(now, room, host);
    }

    /// Ends a request that has not been taken. False if there is no such request.
    pub(crate) fn withdraw_request(
        &mut self,
        now: Instant,
        room: &mut impl Room,
        id: RequestId,
    ) -> bool {
        let Some(slot) = self.find_request(id) else {
            return false;
        };
        let host = self.requests[slot].host;
        match self.requests[slot].stage {
            Stage::Parked | Stage::Claimed | Stage::Attended(_) => {
                self.leave_queue(now, room, slot);
                self.rebalance(now, room, host);
            }
            Stage::Assigned(connection, _) => {
                // Nobody has used it for this request, so it stays as good as it was.
                self.connections[connection].uses -= 1;
                self.requests[slot].stage = Stage::Refused;
                self.end_lease(now, room, connection, Return::Reuse);
            }
            Stage::Refused | Stage::Held(_) => return false,
        }
        self.hosts.count(host, |counts| counts.cancelled += 1);
        self.refuse(slot, Answer::Cancelled);
        true
    }

    /// An attempt has become a connection: it goes to whoever came first (SPEC L5).
    pub(crate) fn open(&mut self, now: Instant, room: &mut impl Room, slot: u32, capacity: usize) {
        room.budget().attempt_ended();
        self.unsettled = true;
        let host = self.connections[slot].host;
        self.hosts.count(host, |counts| counts.opened += 1);
        match self.connections[slot].owner.take() {
            Some(owner) => self.swap_with_front(now, host, slot, owner),
            None => self.remove_orphan(host, slot),
        }
        let end = lifetime_end(
            now,
            self.settings.max_lifetime,
            self.settings.lifetime_jitter,
            &mut self.random,
        );
        self.timers.set(TimerKey::Connection(slot), end);
        self.connections[slot].capacity = to_capacity(capacity);
        self.connections[slot].idle_since = now;
        self.become_idle(now, room, slot);
        self.offer(now, room, slot, true);
    }

    /// An attempt has failed: its owner alone is answered (SPEC L6).
    pub(crate) fn fail(&mut self, now: Instant, room: &mut impl Room, slot: u32) {
        let host = self.connections[slot].host;
        match self.connections[slot].owner.take() {
            Some(owner) => {
                let phase = self.connections[slot].phase;
                self.requests[owner].book(now, Some(phase));
                self.requests[owner].stage = Stage::Refused;
                self.unqueue(owner);
                self.hosts.count(host, |counts| counts.failed += 1);
                self.refuse(owner, Answer::Failed);
            }
            None => self.remove_orphan(host, slot),
        }
        self.timers.withdraw(TimerKey::Connection(slot));
        let connection = self.connections.remove(slot);
        room.budget().decline(connection.slot);
        self.note_limit(room, host);
        self.hosts.count_move(host, Some(State::Connecting), None);
        self.unsettled = true;
        self.rebalance(now, room, host);
    }

    /// A lease has ended.
    pub(crate) fn end_lease(&mut self, now: Instant, room: &mut impl Room, slot: u32, how: Return) {
        let connection = &mut self.connections[slot];
        connection.leases -= 1;
        let last = connection.leases == 0;
        match how {
            Return::Closed if last => {
                self.unlist(slot);
                self.remove_connection(room, slot);
            }
            Return::Closed | Return::Close => self.retire(now, room, slot),
            Return::Reuse => {
                let worn = self
                    .settings
                    .max_uses
                    .is_some_and(|max| self.connections[slot].uses >= max);
                let used = self.connections[slot].uses > 0;
                if worn || self.shut_down || (used && self.keeps_nothing(slot)) {
                    self.connections[slot].retiring = true;
                }
                if self.connections[slot].retiring {
                    self.retire(now, room, slot);
                } else {
                    if last {
                        self.become_idle(now, room, slot);
                    }
                    self.offer(now, room, slot, false);
                }
            }
        }
    }

    pub(crate) fn set_capacity(
        &mut self,
        now: Instant,
        room: &mut impl Room,
        slot: u32,
        capacity: usize,
    ) {
        self.connections[slot].capacity = to_capacity(capacity);
        if self.connections[slot].has_room() {
            self.offer(now, room, slot, false);
        } else {
            self.unlist(slot);
        }
    }

    /// Takes no further lease on a connection, and closes it when nobody holds it.
    pub(crate) fn retire(&mut self, now: Instant, room: &mut impl Room, slot: u32) {
        match self.connections[slot].state {
            State::Leased | State::Idle => {
                self.connections[slot].retiring = true;
                self.unlist(slot);
                if self.connections[slot].leases == 0 {
                    self.close(now, room, slot);
                }
            }
            State::Connecting | State::Closing => {}
        }
    }

    /// Begins to close a connection that nobody holds.
    pub(crate) fn close(&mut self, now: Instant, room: &mut impl Room, slot: u32) {
        self.unlist(slot);
        let before = self.connections[slot].enter(State::Closing);
        let host = self.connections[slot].host;
        if before == State::Idle {
            self.leave_idle(room, slot);
        }
        self.hosts
            .count_move(host, Some(before), Some(State::Closing));
        let limit = now.checked_add(self.settings.close_timeout);
        self.timers.set(TimerKey::Connection(slot), limit);
        room.budget().begin_close();
        self.unsettled = true;
        let id = self.connection_id(slot);
        self.actions.push_back(Action::Close(id));
    }

    /// Withdraws an attempt that has no owner.
    pub(crate) fn withdraw_attempt(&mut self, room: &mut impl Room, slot: u32) {
        let host = self.connections[slot].host;
        self.remove_orphan(host, slot);
        self.timers.withdraw(TimerKey::Connection(slot));
        self.connections[slot].enter(State::Closing);
        self.hosts
            .count_move(host, Some(State::Connecting), Some(State::Closing));
        room.budget().attempt_ended();
        room.budget().begin_close();
        self.unsettled = true;
        let id = self.connection_id(slot);
        self.actions.push_back(Action::Cancel(id));
    }

    /// A connection is gone: its slot is free.
    pub(crate) fn remove_connection(&mut self, room: &mut impl Room, slot: u32) {
        self.timers.withdraw(TimerKey::Connection(slot));
        let connection = self.connections.remove(slot);
        match connection.state {
            State::Closing => room.budget().closed(connection.slot),
            _ => room.budget().release(connection.slot),
        }
        let host = connection.host;
        self.note_limit(room, host);
        self.hosts.count_move(host, Some(connection.state), None);
        self.unsettled = true;
        if let Some(now) = self.now {
            self.rebalance(now, room, host);
        }
    }

    /// A slot has come from another shard's release.
    pub(crate) fn use_grant(&mut self, now: Instant, room: &mut impl Room, grant: Grant) {
        let host = grant.host.slot;
        debug_assert!(
            self.hosts.get(grant.host).is_some(),
            "a reserved host stays"
        );
        self.hosts.at_mut(host).reserved -= 1;
        // Slots of one host are alike; but one whose request has gone is not for a later
        // request of the host, which has its own place among the claims.
        let first = self.hosts.at(host).queue.first_claimed();
        let due = first.filter(|&first| !room.budget().has_claim(self.requests[first].ticket));
        match due {
            Some(request) => self.start_attempt(now, room, host, request, grant.slot),
            None => {
                room.budget().decline(grant.slot);
                self.unsettled = true;
            }
        }
        self.hosts.note_use(host);
        self.rebalance(now, room, host);
    }

    /// Takes a request out of its queue; its attempt is left without owner, its claim withdrawn.
    pub(crate) fn leave_queue(&mut self, now: Instant, room: &mut impl Room, slot: u32) {
        let stage = self.requests[slot].stage;
        match stage {
            Stage::Attended(attempt) => {
                let phase = self.connections[attempt].phase;
                self.requests[slot].book(now, Some(phase));
                if self.connections[attempt].state == State::Connecting {
                    self.leave_attempt(now, attempt);
                }
            }
            _ => {
                self.requests[slot].book(now, None);
                self.leave_count(room, slot);
            }
        }
        if stage == Stage::Claimed {
            self.withdraw_claim(room, slot);
        }
        self.unqueue(slot);
    }

    /// Brings a host's attempts and claims in line with its queue and its limit.
    pub(crate) fn rebalance(&mut self, now: Instant, room: &mut impl Room, host: u32) {
        while let Some(orphan) = self.hosts.at(host).orphans.front()
            && let Some(request) = self.hosts.at(host).queue.first_unattended()
        {
            if self.requests[request].stage == Stage::Claimed {
                self.withdraw_claim(room, request);
            }
            self.remove_orphan(host, orphan);
            self.timers.withdraw(TimerKey::Connection(orphan));
            self.attend(now, room, request, orphan);
        }
        if !self.settings.finish_attempts || self.shut_down {
            while let Some(orphan) = self.hosts.at(host).orphans.front() {
                self.withdraw_attempt(room, orphan);
            }
        }
        while self.may_claim(host)
            && let Some(request) = self.hosts.at(host).queue.first_parked()
        {
            let Self {
                hosts, requests, ..
            } = self;
            hosts.at_mut(host).queue.claim(requests, request);
            let Request { ticket, mark, .. } = self.requests[request];
            let mark = mark.max(self.hosts.at(host).mark);
            let id = self.hosts.id(host);
            match room.budget().claim(ticket, self.shard, id, mark) {
                Some(slot) => {
                    // A grant for an older request may be on its way; slots are alike.
                    let first = self.hosts.at(host).queue.first_claimed();
                    self.start_attempt(now, room, host, first.unwrap_or(request), slot);
                }
                None => self.hosts.at_mut(host).reserved += 1,
            }
            self.unsettled = true;
        }
        self.hosts.note_use(host);
    }

    /// Passes on the slots that have become free, and has connections evicted that are in the way.
    pub(crate) fn settle(&mut self, room: &mut impl Room) {
        let Some(now) = self.now else { return };
        while std::mem::take(&mut self.unsettled) {
            while let Some(grant) = room.budget().poll_grant() {
                if grant.shard == self.shard {
                    self.use_grant(now, room, grant);
                } else {
                    let action = Action::Tell(grant.shard, Message::Grant(grant));
                    self.actions.push_back(action);
                }
            }
            while room.budget().needs_eviction() && !*room.budget().asked() {
                match room.idle_longest() {
                    Some(shard) if shard == self.shard => match self.idle.front() {
                        Some(slot) => self.evict(now, room, slot),
                        None => break,
                    },
                    Some(shard) => {
                        *room.budget().asked() = true;
                        self.actions
                            .push_back(Action::Tell(shard, Message::MakeRoom));
                    }
                    None => break,
                }
            }
        }
        #[cfg(any(test, feature = "check"))]
        crate::invariant::check(self, room.budget());
    }

    /// The connection that a request for `host` would be given.
    pub(crate) fn next_available(&self, host: u32) -> Option<u32> {
        let available = &self.hosts.at(host).available;
        match self.settings.idle_order {
            IdleOrder::Lifo => available.back(),
            IdleOrder::Fifo => available.front(),
        }
    }

    /// While a host is at its own limit, its requests do not wait for room.
    fn note_limit(&mut self, room: &mut impl Room, host: u32) {
        let host = self.hosts.at_mut(host);
        if host.counts.open >= self.settings.max_per_host {
            host.mark = room.overtakes();
        }
    }

    /// Whether a host may claim a further slot under its own limit.
    fn may_claim(&self, host: u32) -> bool {
        let host = self.hosts.at(host);
        host.counts.open + (host.reserved as usize) < self.settings.max_per_host
    }

    /// Hands a connection with room to the waiters of its host, and keeps what is left of it.
    ///
    /// A connection that is `new` was opened for its first user in that user's turn, and gives
    /// way to nobody before that.
    fn offer(&mut self, now: Instant, room: &mut impl Room, slot: u32, mut new: bool) {
        let host = self.connections[slot].host;
        while self.connections[slot].has_room()
            && let Some(request) = self.hosts.at(host).queue.front()
        {
            let ticket = self.requests[request].ticket;
            if !std::mem::take(&mut new) && self.must_give_way(room, slot, Some(ticket)) {
                self.evict(now, room, slot);
                break;
            }
            let used = self.connections[slot].uses > 0;
            let from_cache = used.then_some(FromCache::Deferred);
            self.leave_queue(now, room, request);
            self.assign(now, room, slot, request, from_cache);
        }
        if self.connections[slot].has_room() && !self.keeps_nothing(slot) {
            self.list(slot);
        } else if self.connections[slot].state == State::Idle {
            self.close(now, room, slot);
        }
        self.rebalance(now, room, host);
        if room.oldest_claim().is_some() {
            self.unsettled = true;
        }
    }

    /// Whether a connection must close for an older claim instead of serving (SPEC L2).
    fn must_give_way(&mut self, room: &mut impl Room, slot: u32, ticket: Option<Ticket>) -> bool {
        let overtakes = room
            .oldest_claim()
            .is_some_and(|oldest| ticket.is_none_or(|ticket| oldest < ticket));
        if !overtakes {
            self.connections[slot].run = 0;
            return false;
        }
        let run = self.connections[slot].run;
        match room.budget().overtake(ticket, run, self.settings.reuse_run) {
            Overtake::Nobody => false,
            Overtake::Allowed => {
                self.connections[slot].run += 1;
                false
            }
            Overtake::GiveWay => true,
        }
    }

    fn evict(&mut self, now: Instant, room: &mut impl Room, slot: u32) {
        let host = self.connections[slot].host;
        self.hosts.count(host, |counts| counts.evicted += 1);
        self.retire(now, room, slot);
    }

    /// Holds a connection for a request that is in no queue.
    fn assign(
        &mut self,
        now: Instant,
        room: &mut impl Room,
        slot: u32,
        request: u32,
        from_cache: Option<FromCache>,
    ) {
        let connection = &mut self.connections[slot];
        connection.leases += 1;
        connection.uses += 1;
        if !connection.has_room() {
            self.unlist(slot);
        }
        if self.connections[slot].state == State::Idle {
            self.connections[slot].enter(State::Leased);
            self.leave_idle(room, slot);
            let host = self.connections[slot].host;
            self.hosts
                .count_move(host, Some(State::Idle), Some(State::Leased));
        }
        debug_assert!(self.requests[request].since <= now);
        self.timers.withdraw(TimerKey::Request(request));
        self.requests[request].stage = Stage::Assigned(slot, from_cache);
        let action = Action::Answer(
            self.request_id(request),
            Answer::Connection(self.connection_id(slot)),
        );
        self.actions.push_back(action);
    }

    /// The owner of a finished attempt and the first in the queue exchange attempts, so that
    /// the connection goes to the first and nobody is left without an attempt.
    fn swap_with_front(&mut self, now: Instant, host: u32, finished: u32, owner: u32) {
        let Some(front) = self.hosts.at(host).queue.front() else {
            return;
        };
        let Stage::Attended(attempt) = self.requests[front].stage else {
            return;
        };
        if front == owner {
            return;
        }
        let phase = self.connections[finished].phase;
        self.requests[owner].book(now, Some(phase));
        let phase = self.connections[attempt].phase;
        self.requests[front].book(now, Some(phase));
        self.requests[front].stage = Stage::Attended(finished);
        self.requests[owner].stage = Stage::Attended(attempt);
        self.connections[attempt].owner = Some(owner);
    }

    fn start_attempt(
        &mut self,
        now: Instant,
        room: &mut impl Room,
        host: u32,
        request: u32,
        slot: Slot,
    ) {
        let serial = self.next_serial();
        let attempt = Connection::attempt(serial, host, slot, request, now);
        let attempt = self.connections.insert(attempt);
        self.hosts.count_move(host, None, Some(State::Connecting));
        self.attend(now, room, request, attempt);
        let action = Action::Connect(self.connection_id(attempt), self.hosts.id(host));
        self.actions.push_back(action);
    }

    /// Gives a request without an attempt one of its own.
    fn attend(&mut self, now: Instant, room: &mut impl Room, request: u32, attempt: u32) {
        self.requests[request].book(now, None);
        self.leave_count(room, request);
        let deadline = self.requests[request].deadline;
        self.timers.set(TimerKey::Request(request), deadline);
        self.connections[attempt].owner = Some(request);
        let host = self.requests[request].host;
        let Self {
            hosts, requests, ..
        } = self;
        hosts.at_mut(host).queue.attend(requests, request, attempt);
    }

    fn unqueue(&mut self, request: u32) {
        let host = self.requests[request].host;
        let Self {
            hosts, requests, ..
        } = self;
        hosts.at_mut(host).queue.remove(requests, request);
        self.hosts.count(host, |counts| counts.waiting -= 1);
    }

    fn withdraw_claim(&mut self, room: &mut impl Room, request: u32) {
        let Request { ticket, host, .. } = self.requests[request];
        if room.budget().withdraw(ticket) {
            self.hosts.at_mut(host).reserved -= 1;
        }
        self.unsettled = true;
    }

    fn leave_count(&mut self, room: &mut impl Room, request: u32) {
        if std::mem::take(&mut self.requests[request].counted) {
            room.leave_queue();
        }
    }

    fn leave_attempt(&mut self, now: Instant, attempt: u32) {
        self.connections[attempt].owner = None;
        let host = self.connections[attempt].host;
        let Self {
            hosts, connections, ..
        } = self;
        let orphans = &mut hosts.at_mut(host).orphans;
        orphans.push_back(connections, attempt, Connection::host_link);
        if self.settings.finish_attempts {
            let limit = now.checked_add(self.settings.timeout);
            self.timers.set(TimerKey::Connection(attempt), limit);
        }
    }

    fn remove_orphan(&mut self, host: u32, attempt: u32) {
        let Self {
            hosts, connections, ..
        } = self;
        let orphans = &mut hosts.at_mut(host).orphans;
        orphans.remove(connections, attempt, Connection::host_link);
    }

    /// Whether a connection that has been used may not be kept: `keep_alive` is zero.
    fn keeps_nothing(&self, slot: u32) -> bool {
        self.settings.keep_alive.is_zero() && self.connections[slot].leases == 0
    }

    fn list(&mut self, slot: u32) {
        if !std::mem::replace(&mut self.connections[slot].listed, true) {
            let host = self.connections[slot].host;
            let Self {
                hosts, connections, ..
            } = self;
            let available = &mut hosts.at_mut(host).available;
            available.push_back(connections, slot, Connection::host_link);
        }
    }

    fn unlist(&mut self, slot: u32) {
        if std::mem::take(&mut self.connections[slot].listed) {
            let host = self.connections[slot].host;
            let Self {
                hosts, connections, ..
            } = self;
            let available = &mut hosts.at_mut(host).available;
            available.remove(connections, slot, Connection::host_link);
        }
    }

    fn become_idle(&mut self, now: Instant, room: &mut impl Room, slot: u32) {
        let before = self.connections[slot].enter(State::Idle);
        self.connections[slot].idle_since = now;
        let host = self.connections[slot].host;
        self.hosts.count_move(host, Some(before), Some(State::Idle));
        self.idle
            .push_back(&mut self.connections, slot, Connection::idle_link);
        if self.idle.len == 1 {
            room.publish_idle(self.shard, Some(now));
        }
    }

    fn leave_idle(&mut self, room: &mut impl Room, slot: u32) {
        let was_oldest = self.idle.front() == Some(slot);
        self.idle
            .remove(&mut self.connections, slot, Connection::idle_link);
        if was_oldest {
            let oldest = self.idle.front();
            let since = oldest.map(|oldest| self.connections[oldest].idle_since);
            room.publish_idle(self.shard, since);
        }
    }
}

fn to_capacity(capacity: usize) -> u32 {
    u32::try_from(capacity.max(1)).unwrap_or(u32::MAX)
}
