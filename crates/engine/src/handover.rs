//! The way from hand to hand, where all that a host may have are in use: who asks waits at the end
//! of the queue, and leaves it as easily; what is given back goes to its front. It leads to where the long way through
//! [`serve`](crate::serve) leads, past the questions whose answer is known.

use crate::engine::Engine;
use crate::ids::RequestId;
use crate::request::{Ask, FromCache, Request, Stage};
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

impl<K: Eq + Clone, N: Default> Engine<K, N> {
    /// Makes a request wait that can do nothing else: its host is at its limit, and no attempt is
    /// left to adopt. `None`, and nothing has come of it, if that takes the long way.
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

    /// Whoever would take the answer of a request has gone, and it is parked: the queue is shorter
    /// by one, and no more comes of that. Answers its note; `None`, and nothing has come of it, if
    /// it is not.
    ///
    /// It needs no time: what is due meanwhile stays so until the next input that has one.
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

    /// Passes a connection from the request that has `held` it to the first in the queue, if that
    /// is parked, and no claim is older. False, and nothing has come of it, if it takes the long way.
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
