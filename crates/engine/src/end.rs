//! The end: everything pending is answered, everything idle closed.

use crate::action::Answer;
use crate::connection::State;
use crate::engine::Engine;
use crate::room::Room;
use crate::time::Time;

impl<K: Eq + Clone, N: Default> Engine<K, N> {
    /// The budget gives slots again, after it gave none while all engines came to an end.
    pub fn resume(&mut self, now: Time, room: &mut impl Room) {
        self.advance(now, room);
        self.unsettled = true;
        self.settle(room);
    }

    /// Refuses requests from now on, answers all that wait [`Answer::ShutDown`], withdraws all
    /// attempts and closes all idle connections. Leases stay usable; their connections close
    /// when they come back.
    ///
    /// Of several engines, the budget is to be [frozen](crate::Budget::freeze) first, or what
    /// one lets go is opened again by the next.
    pub fn shut_down(&mut self, now: Time, room: &mut impl Room) {
        self.shut_down = true;
        self.end_all(now, room, Answer::ShutDown);
    }

    /// What carried the attempts out has gone: answers all that wait [`Answer::Abandoned`], and
    /// closes all idle connections. Later requests are served again. The budget is to be frozen
    /// meanwhile, as for [`shut_down`](Self::shut_down).
    pub fn abandon(&mut self, now: Time, room: &mut impl Room) {
        self.end_all(now, room, Answer::Abandoned);
    }

    /// Whether nothing is open and nothing closing.
    pub fn is_empty(&self) -> bool {
        self.connections.len() == 0
    }

    fn end_all(&mut self, now: Time, room: &mut impl Room, answer: Answer) {
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
                self.withdraw_attempt(room, orphan);
            }
        }
        self.hosts.note_all();
        while let Some(slot) = self.idle.front() {
            debug_assert_eq!(self.connections[slot].state, State::Idle);
            self.close(now, room, slot);
        }
        self.unsettled = true;
        self.settle(room);
    }
}
