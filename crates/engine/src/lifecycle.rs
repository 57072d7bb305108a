//! The life of an open connection: its opening, leases, idle times and end (C1 to C8).

use crate::action::Action;
use crate::connection::{Capacity, Connection, Outlook, Return, State};
use crate::engine::Engine;
use crate::policy::lifetime_end;
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

impl<K: Eq + Clone, N: Default> Engine<K, N> {
    /// Turns an attempt into an open connection, for the first in the queue (L5).
    pub(crate) fn open(&mut self, now: Time, room: &mut impl Room, slot: u32, capacity: Capacity) {
        room.budget().attempt_ended();
        self.unsettled = true;
        let host = self.connections[slot].host;
        self.note_limit(room, host);
        self.hosts.count(host, |counts| counts.opened += 1);
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
        if provisional {
            self.begin_provisional(room, slot);
        } else if capacity != Capacity::One {
            self.withdraw_claims(room, host);
        }
        self.become_idle(now, room, slot);
        self.offer(now, room, slot, true);
    }

    /// Ends a lease.
    pub(crate) fn end_lease(&mut self, now: Time, room: &mut impl Room, slot: u32, how: Return) {
        let connection = &mut self.connections[slot];
        connection.leases -= 1;
        let last = connection.leases == 0;
        match how {
            Return::Closed if last => {
                self.unlist(slot);
                self.remove_connection(room, slot);
            }
            Return::Closed | Return::Close => self.retire(now, room, slot),
            Return::Reuse => self.end_reuse(now, room, slot),
        }
    }

    /// Ends a lease whose connection may serve others.
    fn end_reuse(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        let worn = self.connections[slot].is_worn(self.max_uses);
        let used = self.connections[slot].uses > 0;
        let goes = worn || self.shut_down || (used && self.keeps_nothing(slot));
        if goes || self.connections[slot].is_retiring() {
            self.retire(now, room, slot);
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
        match (connection.outlook, provisional) {
            (Outlook::Settled, true) => self.begin_provisional(room, slot),
            (Outlook::Provisional, false) => self.end_provisional(room, slot, Outlook::Settled),
            _ => {}
        }
        if self.connections[slot].has_room(self.max_uses) {
            self.offer(now, room, slot, false);
        } else {
            self.unlist(slot);
        }
    }

    /// Gives a connection no further lease, and closes it once it has none.
    pub(crate) fn retire(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        match self.connections[slot].state {
            State::Leased | State::Idle => {
                self.end_provisional(room, slot, Outlook::Retiring);
                self.unlist(slot);
                if self.connections[slot].leases == 0 {
                    self.close(now, room, slot);
                }
            }
            State::Connecting | State::Withdrawn | State::Closing => {}
        }
    }

    /// Marks an open connection that may come to carry more leases.
    fn begin_provisional(&mut self, room: &mut impl Room, slot: u32) {
        self.connections[slot].outlook = Outlook::Provisional;
        let host = self.connections[slot].host;
        self.hosts.at_mut(host).provisional += 1;
        if self.hosts.at(host).shares {
            self.withdraw_claims(room, host);
        }
    }

    /// Sets the outlook of a connection. If it was provisional, its host's requests no longer wait
    /// for that.
    fn end_provisional(&mut self, room: &mut impl Room, slot: u32, outlook: Outlook) {
        let before = std::mem::replace(&mut self.connections[slot].outlook, outlook);
        if before == Outlook::Provisional {
            let host = self.connections[slot].host;
            self.note_limit(room, host);
            self.hosts.at_mut(host).provisional -= 1;
            self.relieve(host);
        }
    }

    /// Begins to close a connection without leases.
    pub(crate) fn close(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        self.end_provisional(room, slot, Outlook::Retiring);
        self.unlist(slot);
        let before = self.connections[slot].enter(State::Closing);
        let host = self.connections[slot].host;
        if before == State::Idle {
            self.leave_idle(room, slot);
        }
        self.hosts.count_move(host, before, State::Closing);
        self.limit_close(now, slot);
        room.budget().begin_close();
        self.unsettled = true;
        let id = self.connection_id(slot);
        self.actions.push_back(Action::Close(id));
    }

    /// From now on, closing takes `close_timeout` at most (C8).
    pub(crate) fn limit_close(&mut self, now: Time, slot: u32) {
        let limit = now.checked_add(self.settings.close_timeout);
        self.timers
            .set(&mut self.requests, TimerKey::Connection(slot), limit);
    }

    /// Removes a connection that has gone, and frees its slot.
    pub(crate) fn remove_connection(&mut self, room: &mut impl Room, slot: u32) {
        self.timers
            .withdraw(&mut self.requests, TimerKey::Connection(slot));
        self.end_provisional(room, slot, Outlook::Retiring);
        let connection = self.forget_connection(slot);
        match connection.state {
            State::Withdrawn => {
                room.budget().withdrawal_ended();
                room.budget().closed(connection.slot);
            }
            State::Closing => room.budget().closed(connection.slot),
            _ => room.budget().release(connection.slot),
        }
        let host = connection.host;
        self.note_limit(room, host);
        self.hosts.count_out(host, connection.state);
        self.unsettled = true;
        if let Some(now) = self.now {
            self.rebalance(now, room, host);
        }
    }

    pub(crate) fn forget_connection(&mut self, slot: u32) -> Connection {
        let connection = self.connections.remove(slot);
        if self.connections.len() == 0 {
            self.idle.release();
            self.orphans.release();
        }
        connection
    }

    #[inline]
    pub(crate) fn leave_idle(&mut self, room: &mut impl Room, slot: u32) {
        let was_oldest = self.idle.front() == Some(slot);
        self.idle.remove(slot);
        if was_oldest {
            let oldest = self.idle.front();
            let since = oldest.map(|oldest| self.connections[oldest].idle_since);
            room.publish_idle(self.shard, since);
        }
    }

    pub(crate) fn list(&mut self, slot: u32) {
        if !std::mem::replace(&mut self.connections[slot].listed, true) {
            let host = self.connections[slot].host;
            let Self {
                hosts, connections, ..
            } = self;
            let available = &mut hosts.at_mut(host).available;
            available.push_back(connections, slot, Connection::host_link);
        }
    }

    pub(crate) fn unlist(&mut self, slot: u32) {
        if std::mem::take(&mut self.connections[slot].listed) {
            let host = self.connections[slot].host;
            let Self {
                hosts, connections, ..
            } = self;
            let available = &mut hosts.at_mut(host).available;
            available.remove(connections, slot, Connection::host_link);
        }
    }

    pub(crate) fn become_idle(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        let before = self.connections[slot].enter(State::Idle);
        let host = self.connections[slot].host;
        self.hosts.count_move(host, before, State::Idle);
        self.enter_idle(now, room, slot);
    }

    #[inline(always)]
    pub(crate) fn enter_idle(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        self.connections[slot].idle_since = now;
        self.idle.push_back(slot);
        if self.idle.len() == 1 {
            room.publish_idle(self.shard, Some(now));
        }
    }
}
