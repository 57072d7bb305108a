//! The end of a connection: its retirement, its close and its removal (C6 to C8).

use crate::action::Action;
use crate::connection::{Outlook, State};
use crate::engine::Engine;
use crate::event::{Decision, EndReason};
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// Gives a connection no further lease, and closes it once it has none.
    pub(crate) fn retire(&mut self, now: Time, room: &mut impl Room, slot: u32, why: EndReason) {
        match self.connections[slot].state {
            State::Leased | State::Idle => {
                self.tell_retired(slot, why);
                self.end_provisional(room, slot, Outlook::Retiring);
                self.unlist(slot);
                if self.connections[slot].leases == 0 {
                    self.close(now, room, slot, why);
                }
            }
            State::Connecting | State::Withdrawn | State::Closing => {}
        }
    }

    /// Sets the outlook of a connection. If it was provisional, its host's requests no longer wait
    /// for that.
    pub(crate) fn end_provisional(&mut self, room: &mut impl Room, slot: u32, outlook: Outlook) {
        let before = std::mem::replace(&mut self.connections[slot].outlook, outlook);
        if before == Outlook::Provisional {
            let host = self.connections[slot].host;
            self.note_limit(room, host);
            self.hosts.at_mut(host).provisional -= 1;
            self.mark(host);
        }
    }

    /// Begins to close a connection without leases.
    pub(crate) fn close(&mut self, now: Time, room: &mut impl Room, slot: u32, why: EndReason) {
        self.tell_retired(slot, why);
        self.end_provisional(room, slot, Outlook::Retiring);
        self.unlist(slot);
        let before = self.connections[slot].enter(State::Closing);
        let host = self.connections[slot].host;
        if before == State::Idle {
            self.leave_idle(room, slot);
        }
        self.hosts.count_move(host, before, State::Closing);
        self.limit_close(now, slot);
        self.budget(room).begin_close();
        let id = self.connection_id(slot);
        self.actions.push_back(Action::Close(id));
        self.event(host, |_| Decision::Closing { connection: id });
    }

    /// From now on, closing takes `close_timeout` at most (C8).
    pub(crate) fn limit_close(&mut self, now: Time, slot: u32) {
        let limit = now.checked_add(self.settings.close_timeout);
        self.timers
            .set(&mut self.requests, TimerKey::Connection(slot), limit);
    }

    /// Removes a connection that has gone, and frees its permit.
    pub(crate) fn remove_connection(&mut self, room: &mut impl Room, slot: u32) {
        self.timers
            .withdraw(&mut self.requests, TimerKey::Connection(slot));
        self.end_provisional(room, slot, Outlook::Retiring);
        self.event(self.connections[slot].host, |engine| Decision::Closed {
            connection: engine.connection_id(slot),
        });
        let connection = self.forget_connection(slot);
        match connection.state {
            State::Withdrawn => {
                self.budget(room).withdrawal_ended();
                self.budget(room).closed(connection.permit);
            }
            State::Closing => self.budget(room).closed(connection.permit),
            _ => self.budget(room).release(connection.permit),
        }
        let host = connection.host;
        self.note_limit(room, host);
        self.hosts.count_out(host, connection.state);
        self.mark(host);
    }

    /// Whether a connection has no lease and may not be kept: `keep_alive` is zero.
    pub(crate) fn keeps_nothing(&self, slot: u32) -> bool {
        self.settings.keep_alive.is_zero() && self.connections[slot].leases == 0
    }
}
