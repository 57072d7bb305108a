//! The end of each input: all that its changes allow is done, until nothing is left to do.

use crate::action::{Action, Message};
use crate::arena::KEPT_WHEN_EMPTY;
use crate::budget::Grant;
use crate::engine::Engine;
use crate::ids::ShardId;
use crate::room::Room;
use crate::time::Time;

impl<K: Eq + Clone, N: Default> Engine<K, N> {
    /// Ends an input: balances the hosts that it has changed, passes on the slots that have become
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
                    Some(orphan) if shard == self.shard => self.withdraw_attempt(room, orphan),
                    _ => self.ask_for_room(room, shard),
                }
            } else if budget.needs_eviction() {
                match (room.idle_longest(), self.victim()) {
                    (Some(shard), Some(slot)) if shard == self.shard => self.evict(now, room, slot),
                    (Some(shard), _) if shard != self.shard => self.ask_for_room(room, shard),
                    _ => break,
                }
            } else {
                break;
            }
        }
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
            let action = Action::Tell(grant.shard, Message::Grant(grant));
            self.actions.push_back(action);
        }
    }

    fn ask_for_room(&mut self, room: &mut impl Room, shard: ShardId) {
        *self.budget(room).asked() = true;
        self.actions
            .push_back(Action::Tell(shard, Message::MakeRoom));
    }
}
