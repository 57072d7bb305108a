//! Places in lists, and hosts to be balanced: the changes that all other files end in.

use crate::budget::Budget;
use crate::connection::{Connection, State};
use crate::engine::Engine;
use crate::room::Room;
use crate::time::Time;

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// Has a host's attempts and claims brought in line with its queue and its limit before the input
    /// ends.
    #[inline]
    pub(crate) fn mark(&mut self, host: u32) {
        self.unsettled = true;
        if self.dirty.back() != Some(&host) {
            self.dirty.push_back(host);
        }
    }

    /// The budget, to be changed. What the change allows is done before the input ends.
    #[inline]
    pub(crate) fn budget<'a>(&mut self, room: &'a mut impl Room) -> &'a mut Budget {
        self.unsettled = true;
        room.budget()
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
        self.connections[slot].idle_since = self.returned_at.unwrap_or(now);
        self.idle.push_back(slot);
        if self.idle.len() == 1 {
            self.publish_idle(room);
        }
        // A claim may be waiting for an idle connection to evict.
        self.unsettled |= room.oldest_claim().is_some();
    }

    #[inline]
    pub(crate) fn leave_idle(&mut self, room: &mut impl Room, slot: u32) {
        let was_oldest = self.idle.front() == Some(slot);
        self.idle.remove(slot);
        if was_oldest {
            self.publish_idle(room);
        }
    }

    /// Publishes since when the longest idle connection is idle, or a time before that while lanes
    /// may have one.
    #[inline]
    pub(crate) fn publish_idle(&self, room: &mut impl Room) {
        let oldest = self.idle.front();
        let since = oldest.map(|oldest| self.connections[oldest].idle_since);
        room.publish_idle(self.shard, since.or(self.lent_since));
    }

    pub(crate) fn forget_connection(&mut self, slot: u32) -> Connection {
        let connection = self.connections.remove(slot);
        if self.connections.len() == 0 {
            self.idle.release();
            self.orphans.release();
        }
        connection
    }

    /// Notes the overtakes so far if a host is held up: its requests do not wait for room then.
    pub(crate) fn note_limit(&mut self, room: &mut impl Room, host: u32) {
        let host = self.hosts.at_mut(host);
        if host.is_held_up(self.settings.max_per_host) {
            host.overtakes_before = room.overtakes();
        }
    }
}
