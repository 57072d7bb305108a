//! The end of an engine: all pending requests are answered, all idle connections closed.

use crate::action::Answer;
use crate::connection::State;
use crate::engine::Engine;
use crate::event::EndReason;
use crate::room::Room;
use crate::time::Time;

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// Grants the permits that became free while the budget was frozen. The driver thaws the budget
    /// before.
    pub fn resume(&mut self, now: Time, room: &mut impl Room) {
        self.advance(now, room);
        self.unsettled = true;
        self.settle(room);
    }

    /// Refuses requests from now on, answers all waiting ones [`Answer::ShutDown`], withdraws all
    /// attempts and closes all idle connections. Leases stay usable; their connections close when
    /// they come back.
    ///
    /// With several engines, the driver [freezes](crate::Budget::freeze) the budget first.
    /// Otherwise another engine would use the permits that this one frees.
    pub fn shut_down(&mut self, now: Time, room: &mut impl Room) {
        self.shut_down = true;
        self.is_general = true;
        self.end_all(now, room, Answer::ShutDown, EndReason::ShutDown);
    }

    /// Answers all waiting requests [`Answer::Abandoned`], withdraws all attempts and closes all
    /// idle connections. It is for the end of the runtime that ran the attempts.
    ///
    /// Later requests are served again. The driver freezes the budget meanwhile, as for
    /// [`shut_down`](Self::shut_down).
    pub fn abandon(&mut self, now: Time, room: &mut impl Room) {
        self.end_all(now, room, Answer::Abandoned, EndReason::Abandoned);
    }

    /// Whether no attempt and no connection, open or closing, is left.
    pub fn is_empty(&self) -> bool {
        self.connections.len() == 0
    }

    fn end_all(&mut self, now: Time, room: &mut impl Room, answer: Answer, why: EndReason) {
        let now = self.advance(now, room);
        let waiting: Vec<u32> = self
            .requests
            .iter()
            .filter(|(_, request)| request.waits())
            .map(|(slot, _)| slot)
            .collect();
        for slot in waiting {
            self.leave_queue(now, room, slot);
            self.refuse(slot, answer);
        }
        let hosts: Vec<u32> = self.hosts.iter().map(|(slot, _)| slot).collect();
        for host in hosts {
            while let Some(orphan) = self.hosts.at(host).orphans.front() {
                self.withdraw_attempt(room, orphan, why);
            }
        }
        self.hosts.note_all();
        while let Some(slot) = self.idle.front() {
            debug_assert_eq!(self.connections[slot].state, State::Idle);
            self.close(now, room, slot, why);
        }
        self.settle(room);
    }
}
