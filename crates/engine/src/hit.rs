//! The short way of a hit and of its release, for when no claim is older. The result is that of the
//! long way through [`serve`](crate::serve) and [`life`](crate::life), without the checks whose
//! outcome is known. If requests wait, it continues in [`handover`](crate::handover).

use crate::connection::{Connection, Return, State};
use crate::engine::Engine;
use crate::ids::{ConnectionId, RequestId};
use crate::request::{Ask, FromCache, Request, Stage};
use crate::room::Room;
use crate::time::Time;

/// The result of [`Engine::lease`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// The request is answered with this connection, and has to [take](Engine::take) it.
    Ready(RequestId, ConnectionId),
    /// The request waits. The answer comes as an action.
    Waits(RequestId),
}

impl<K: Eq + Clone, N: Default> Engine<K, N> {
    /// Requests a connection of the host with this hash and key, for a user that takes it at once.
    /// An idle connection is returned directly, and not as an action. If all the host's connections
    /// are in use, the request waits. Its record begins with this `note`.
    ///
    /// Returns `None`, with nothing changed, if the request must go through
    /// [`request`](Self::request).
    #[inline]
    pub fn lease(
        &mut self,
        now: Time,
        room: &mut impl Room,
        ask: Ask<(u64, &K)>,
        note: N,
    ) -> Option<Leased> {
        let now = self.clamp(now);
        if room.oldest_claim().is_some() || self.shut_down || self.is_due(now) {
            return None;
        }
        let (hash, key) = ask.host;
        let host = self.hosts.find(hash, key)?;
        let Some(slot) = self.next_available(host) else {
            return self.wait(now, room, host, &ask, note).map(Leased::Waits);
        };
        let connection = &self.connections[slot];
        if connection.capacity != 1 {
            return None;
        }
        let id = ConnectionId {
            slot,
            serial: connection.serial,
        };
        self.lend(room, host, slot);
        let deadline = now.checked_add(ask.timeout.unwrap_or(self.settings.timeout));
        let mut request = Request::new(ask.number, host, now, deadline, note);
        if let Some(limit) = ask.queue_timeout {
            request.set_attempt_deadline(now.checked_add(limit));
        }
        request.stage = Stage::Assigned(slot, Some(FromCache::Immediate));
        let slot = self.requests.insert(request);
        self.settle(room);
        Some(Leased::Ready(self.request_id(slot), id))
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
        let available = &mut self.hosts.at_mut(host).available;
        available.remove(&mut self.connections, slot, Connection::host_link);
        self.leave_idle(room, slot);
        self.hosts.count(host, |counts| {
            counts.idle -= 1;
            counts.leased += 1;
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
        let Stage::Held(slot) = self.requests[held].stage else {
            return false;
        };
        let connection = &mut self.connections[slot];
        if how != Return::Reuse
            || connection.capacity != 1
            || connection.leases != 1
            || connection.is_retiring()
            || connection.is_worn(self.max_uses)
            || self.shut_down
            || self.keep_alive == Some(0)
        {
            return false;
        }
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
        if room.oldest_claim().is_some() {
            self.unsettled = true;
        }
        true
    }
}
