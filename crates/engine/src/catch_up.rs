//! The engine's side of [lanes](crate::lane): the conditions on which connections pass into one, and the
//! catch-up with all that it did.

use crate::config::IdleOrder;
use crate::connection::Return;
use crate::engine::Engine;
use crate::ids::{HostId, RequestId};
use crate::lane::{Lent, Returned, Tally, Terms, Waits, earlier};
use crate::request::{Request, Stage};
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// Lets the connection of a request, which its user returns now for reuse, pass into the lane of
    /// its host. Until the lane is called back, the engine goes on as if the user had it.
    ///
    /// `None`, with nothing changed, if the engine must see the return.
    pub fn lend_out(&mut self, now: Time, room: &mut impl Room, id: RequestId) -> Option<Terms> {
        let now = self.clamp(now);
        let (_, slot) = self.plain_return(now, id)?;
        let lent = &self.connections[slot];
        if self.hosts.at(lent.host).wants_balance() || !self.has_lanes() {
            return None;
        }
        let terms = Terms {
            host: self.hosts.id(lent.host),
            until: self.must_see_by(
                self.keep_alive
                    .and_then(|nanos| now.checked_add_nanos(nanos)),
            ),
            request: id,
            now,
            left: self.max_uses - lent.uses,
        };
        let first = self.lent_since.is_none();
        if first {
            self.lent_since = Some(now);
            self.publish_idle(room);
        }
        // A claim of another shard sees the idle connection, or is seen here.
        if room.oldest_claim().is_some() {
            if first {
                self.lent_since = None;
                self.publish_idle(room);
            }
            return None;
        }
        self.lent_until = earlier(self.lent_until, terms.until);
        Some(terms)
    }

    /// Lets requests for the host with this hash and key wait in its lane, behind those that wait
    /// here: the host is at its limit, and has no attempt without owner. Returns the host, and when
    /// the lane must be called back.
    ///
    /// `None`, with nothing changed, if the engine must see the next request.
    pub fn let_wait(
        &mut self,
        now: Time,
        room: &mut impl Room,
        (hash, key): (u64, &K),
    ) -> Option<(HostId, Option<Time>)> {
        let now = self.clamp(now);
        let host = self.hosts.find(hash, key)?;
        let deadline = self.deadline(now, None);
        if !self.has_lanes()
            || room.oldest_claim().is_some()
            || self.is_due(now)
            || self.are_lanes_due(now)
            || self.next_available(host).is_some()
            || self.hosts.at(host).shares
            || !self.must_wait(host)
            || deadline.is_some_and(|deadline| deadline <= now)
        {
            return None;
        }
        let until = self.must_see_by(deadline);
        self.lent_until = earlier(self.lent_until, until);
        Some((self.hosts.id(host), until))
    }

    /// Passes a connection, which its user returns for reuse, to the first in the queue of its host,
    /// beside open lanes. False, with nothing changed, if the lanes must be called back first.
    pub fn hand_on(&mut self, now: Time, room: &mut impl Room, id: RequestId) -> bool {
        let now = self.clamp(now);
        let Some((held, slot)) = self.plain_return(now, id) else {
            return false;
        };
        let handed = self.hand_over(now, room, held, slot);
        if handed {
            self.settle(room);
        }
        handed
    }

    /// The records of a request and its connection, if nothing but their host's queue matters to the
    /// return of the connection.
    fn plain_return(&self, now: Time, id: RequestId) -> Option<(u32, u32)> {
        let held = self.find_request(id)?;
        let Stage::Held(slot, _) = self.requests[held].stage else {
            return None;
        };
        let is_plain = !self.is_general
            && self.may_take_back(slot)
            && !self.is_due(now)
            && !self.are_lanes_due(now);
        is_plain.then_some((held, slot))
    }

    /// When the engine must see an input, if a lane has something that is due then.
    fn must_see_by(&self, due: Option<Time>) -> Option<Time> {
        earlier(self.poll_timeout().map(|(at, _)| at), due)
    }

    /// Whether connections may pass into lanes.
    fn has_lanes(&self) -> bool {
        !self.is_general
            && self.keep_alive != Some(0)
            && self.settings.idle_order == IdleOrder::Lifo
    }

    /// Whether a lane must be called back by now.
    #[inline]
    pub(crate) fn are_lanes_due(&self, now: Time) -> bool {
        self.lent_until.is_some_and(|until| until <= now)
    }

    /// Makes up for all that the lanes have done, once all of them have been called back. For the
    /// rest it is a [`tick`](Self::tick).
    ///
    /// Returns the ids of the requests that came to wait in a lane, and have taken no connection.
    pub fn catch_up(
        &mut self,
        now: Time,
        room: &mut impl Room,
        lanes: impl IntoIterator<Item = (HostId, Returned<(), D, ()>)>,
    ) -> Vec<RequestId> {
        let now = self.clamp(now);
        (self.lent_since, self.lent_until) = (None, None);
        self.publish_idle(room);
        let (mut all, mut ids) = (Vec::new(), Vec::new());
        for (host, returned) in lanes {
            self.add(host, &returned.tally);
            all.extend(returned.lent);
            ids.extend(
                returned
                    .waiting
                    .into_iter()
                    .map(|it| self.enqueue_late(host, it)),
            );
        }
        // The connection returned last becomes idle last.
        all.sort_by_key(|lent| lent.since);
        // Nothing that is due happens before the engine has seen all.
        for lent in all {
            let (id, since) = (lent.request, lent.since);
            let is_idle = lent.here.is_some() && !lent.is_assigned;
            ids.extend(lent.is_assigned.then_some(id));
            self.take_record_back(lent);
            if is_idle {
                self.returned_at = Some(since);
                self.end_held(now, room, id, Return::Reuse);
                self.returned_at = None;
            }
        }
        self.advance(now, room);
        self.settle(room);
        ids
    }

    fn add(&mut self, host: HostId, tally: &Tally) {
        self.waiting_time.record_at_once(tally.immediate);
        self.waiting_time.add(&tally.waited);
        self.hosts.count(host.slot, |counts| {
            counts.reused_immediate += tally.immediate;
            counts.reused_deferred += tally.deferred;
            if tally.cancelled > 0 {
                counts.rare().cancelled += tally.cancelled;
            }
        });
    }

    /// Queues a request that waited in a lane.
    fn enqueue_late(&mut self, host: HostId, waits: Waits<D, ()>) -> RequestId {
        let deadline = self.deadline(waits.since, None);
        let mut request = Request::new(waits.number, host.slot, waits.since, deadline, waits.data);
        request.enter_queue(waits.arrival.ticket, waits.arrival.overtakes);
        let slot = self.requests.insert(request);
        self.timers
            .set(&mut self.requests, TimerKey::Request(slot), deadline);
        self.enqueue(slot);
        self.request_id(slot)
    }

    /// Brings a record to the stage that the last request for its connection has reached.
    fn take_record_back(&mut self, lent: Lent<(), D>) {
        let known = RequestId {
            number: lent.known,
            ..lent.request
        };
        let record = self.find_request(known);
        debug_assert!(record.is_some(), "the engine did not see the lease end");
        let Some(slot) = record.filter(|_| lent.known != lent.request.number) else {
            // The request that the engine knows has the connection still, or has returned it.
            return;
        };
        let Stage::Held(connection, _) = self.requests[slot].stage else {
            return;
        };
        let host = self.requests[slot].host;
        let arrived = Time::from_nanos(lent.since.nanos().saturating_sub(lent.queued));
        let mut request = self.new_request(arrived, host, &lent.ask, lent.data);
        (request.since, request.ticket_or_queued) = (lent.since, lent.queued);
        let from_cache = Some(lent.from_cache);
        request.stage = match lent.is_assigned {
            true => Stage::Assigned(connection, from_cache),
            false => Stage::Held(connection, from_cache),
        };
        self.requests[slot] = request;
        let connection = &mut self.connections[connection];
        connection.uses = connection.uses.saturating_add(lent.used);
        *connection.run() = 0;
    }
}
