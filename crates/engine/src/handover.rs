//! The short way of a connection from one user to the next, for a host whose connections are all in
//! use. A new request joins the end of the queue, and a returned connection goes to its front. The
//! result is that of the long way through [`serve`](crate::serve), without the checks whose outcome
//! is known.

use crate::engine::Engine;
use crate::ids::RequestId;
use crate::request::{Ask, FromCache, Request, Stage};
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

impl<K: Eq + Clone, N: Default> Engine<K, N> {
    /// Queues a request that can do nothing else: its host is at its limit, and has no attempt
    /// without owner. `None`, with nothing changed, if the request must take the long way.
    #[inline(never)]
    pub(crate) fn wait<H>(
        &mut self,
        now: Time,
        room: &mut impl Room,
        host: u32,
        ask: &Ask<H>,
        note: N,
    ) -> Option<RequestId> {
        let deadline = now.checked_add(ask.timeout.unwrap_or(self.settings.timeout));
        if self.may_claim(host)
            || !self.hosts.at(host).orphans.is_empty()
            || self.settings.max_queued.is_some()
            || ask.queue_timeout.is_some()
            || deadline.is_some_and(|deadline| deadline <= now)
        {
            return None;
        }
        let mut request = Request::new(ask.number, host, now, deadline, note);
        request.enter_queue(room.ticket(), room.overtakes());
        let slot = self.requests.insert(request);
        self.timers
            .set(&mut self.requests, TimerKey::Request(slot), deadline);
        self.enqueue(slot);
        self.settle(room);
        Some(self.request_id(slot))
    }

    /// Removes a parked request that its caller has dropped, and returns its note. Nothing needs to
    /// be rebalanced. `None`, with nothing changed, if the request is not parked.
    ///
    /// It needs no time: deadlines that have passed stay due until the next input that has one.
    pub fn forget_parked(&mut self, room: &mut impl Room, id: RequestId) -> Option<N> {
        let (now, slot) = (self.now?, self.find_request(id)?);
        let Request { stage, host, .. } = self.requests[slot];
        if !stage.is_parked() {
            return None;
        }
        self.leave_queue(now, room, slot);
        self.timers
            .withdraw(&mut self.requests, TimerKey::Request(slot));
        self.hosts
            .count(host, |counts| counts.rare().cancelled += 1);
        let note = self.end_request(slot);
        self.settle(room);
        Some(note)
    }

    /// Passes a connection from the request that has `held` it to the first in the queue. That one
    /// must be parked, and no claim may be older. False, with nothing changed, if it must take the
    /// long way.
    #[inline(never)]
    pub(crate) fn hand_over(
        &mut self,
        now: Time,
        room: &mut impl Room,
        held: u32,
        slot: u32,
    ) -> bool {
        let queue = &self.hosts.at(self.requests[held].host).queue;
        let Some(next) = queue.front() else {
            return false;
        };
        if room.oldest_claim().is_some() || !self.requests[next].stage.is_parked() {
            return false;
        }
        self.leave_queue(now, room, next);
        self.timers
            .withdraw(&mut self.requests, TimerKey::Request(next));
        let connection = &mut self.connections[slot];
        connection.uses = connection.uses.saturating_add(1);
        *connection.run() = 0;
        self.requests[next].stage = Stage::Assigned(slot, Some(FromCache::Deferred));
        self.requests.discard(held);
        self.tell(next, slot);
        true
    }
}
