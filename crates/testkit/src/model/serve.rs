//! The model's choice of a connection for each request, and the life of connections (L2, L5, R8,
//! C).

use keepalive_engine::{Capacity, FromCache, IdleOrder, Return};

use super::records::{Deadline, Stage, State};
use super::{Effect, Model, Outcome};

impl Model {
    /// Serves a new request with an idle connection. The request counts as younger than every
    /// other.
    pub(super) fn serve_at_once(&mut self, request: usize) -> bool {
        let host = self.request_at(request).host;
        while let Some(connection) = self.next_available(host) {
            if self.must_give_way(connection, u64::MAX) {
                self.evict(connection);
            } else {
                self.assign(connection, request, Some(FromCache::Immediate));
                return true;
            }
        }
        false
    }

    /// The connection that a request for `host` would get.
    pub(super) fn next_available(&self, host: usize) -> Option<usize> {
        let available = self
            .connections
            .iter()
            .filter(|it| it.host == host && self.has_room(it.number));
        let next = match self.settings.idle_order {
            IdleOrder::Lifo => available.max_by_key(|it| it.returned),
            IdleOrder::Fifo => available.min_by_key(|it| it.returned),
        };
        next.map(|connection| connection.number)
    }

    pub(super) fn has_room(&self, number: usize) -> bool {
        let connection = self.connection_at(number);
        connection.state == State::Open
            && !connection.retiring
            && connection.leases < connection.capacity
            && !self.is_worn(number)
    }

    fn is_worn(&self, number: usize) -> bool {
        let max_uses = self.settings.max_uses;
        max_uses.is_some_and(|max| self.connection_at(number).uses >= max)
    }

    /// An attempt has opened a connection, which goes to the oldest waiter. The attempt of that
    /// waiter passes to the request that this one was for.
    pub(super) fn connected(&mut self, number: usize, capacity: Capacity) -> bool {
        let Some(attempt) = self.find_connection(number) else {
            return false;
        };
        if attempt.state != State::Connecting {
            self.limit_close(number);
            self.connection_mut(number).state = State::Closing;
            return false;
        }
        let host = attempt.host;
        self.note_limit(host);
        self.hosts[host].shares = capacity != Capacity::One;
        self.since_start(host).opened += 1;
        if let Some(owner) = self.connection_at(number).owner
            && let Some(oldest) = self.first_waiter(host)
        {
            self.exchange_attempts(owner, oldest);
        }
        let (event, set, now) = (self.event(), self.event(), self.now);
        let lifetime = self.settings.max_lifetime;
        let connection = self.connection_mut(number);
        connection.state = State::Open;
        connection.owner = None;
        let (leases, provisional) = super::read(capacity);
        connection.capacity = leases.max(1);
        (connection.returned, connection.idled) = (event, event);
        connection.idle_since = now;
        connection.deadline = lifetime.map(|lifetime| Deadline {
            at: now + lifetime,
            set,
        });
        let overtakes_before = self.hosts[host].overtakes_before;
        self.set_provisional(number, provisional);
        if capacity != Capacity::One {
            self.withdraw_claims(host);
        }
        self.offer(number, true, provisional.then_some(overtakes_before));
        true
    }

    fn exchange_attempts(&mut self, one: usize, other: usize) {
        let (Stage::Attended(its), Stage::Attended(others)) =
            (self.request_at(one).stage, self.request_at(other).stage)
        else {
            return;
        };
        for (request, before, after) in [(one, its, others), (other, others, its)] {
            self.book(request, Some(self.connection_at(before).phase));
            self.request_mut(request).stage = Stage::Attended(after);
            self.connection_mut(after).owner = Some(request);
        }
    }

    /// Assigns a connection to the waiters of its host, in order of arrival, and keeps it if it has
    /// room after that. A `new` one was opened for its first user in that user's turn. One that has
    /// just become provisional has held nobody up if it closes now: the overtakes counted before are
    /// `held_up_from`.
    pub(super) fn offer(&mut self, number: usize, new: bool, held_up_from: Option<u64>) {
        let host = self.connection_at(number).host;
        let mut in_turn = new;
        while self.has_room(number)
            && let Some(waiter) = self.first_waiter(host)
        {
            let arrival = self.request_at(waiter).arrival;
            if !std::mem::take(&mut in_turn) && self.must_give_way(number, arrival) {
                self.evict(number);
                break;
            }
            let used = !new && self.connection_at(number).uses > 0;
            self.leave_queue(waiter);
            self.assign(number, waiter, used.then_some(FromCache::Deferred));
        }
        let keeps_nothing = self.settings.keep_alive.is_zero();
        // A connection whose peer allows nothing at present is kept.
        let of_no_use = !self.has_room(number) && self.connection_at(number).capacity > 0;
        if self.connection_at(number).is_idle() && (keeps_nothing || of_no_use) {
            self.close(number);
        }
        if let Some(overtakes_before) = held_up_from.filter(|_| !self.holds_back(number)) {
            self.hosts[host].overtakes_before = overtakes_before;
            self.note_limit(host);
        }
        self.align(host);
    }

    /// Whether a connection that could serve a request of this `arrival` must close instead, for an
    /// older request of another host.
    fn must_give_way(&mut self, number: usize, arrival: u64) -> bool {
        let claims = self.claims();
        let oldest = claims.first().map(|&oldest| self.request_at(oldest));
        if oldest.is_none_or(|oldest| oldest.arrival >= arrival) {
            self.connection_mut(number).run = 0;
            return false;
        }
        if !self.needs_eviction() {
            return false;
        }
        let overtakes_before = claims
            .iter()
            .map(|&claim| self.request_at(claim).overtakes_before);
        let overtaken = self.overtakes - overtakes_before.min().expect("there is a claim");
        let max_reuse_streak = u64::from(self.settings.max_reuse_streak);
        let bound = max_reuse_streak * self.settings.max_open as u64;
        if self.connection_at(number).run < max_reuse_streak && overtaken < bound {
            self.connection_mut(number).run += 1;
            self.overtakes += 1;
            return false;
        }
        true
    }

    fn assign(&mut self, number: usize, request: usize, from_cache: Option<FromCache>) {
        let connection = self.connection_mut(number);
        connection.leases += 1;
        connection.uses += 1;
        self.request_mut(request).stage = Stage::Assigned(number, from_cache);
        let outcome = Outcome::Connection(number);
        self.effects.push(Effect::Answer(request, outcome));
    }

    pub(super) fn end_lease(&mut self, number: usize, how: Return) {
        let (event, now) = (self.event(), self.now);
        let worn = self.is_worn(number);
        let keeps_nothing = self.settings.keep_alive.is_zero();
        let connection = self.connection_mut(number);
        connection.leases -= 1;
        let last = connection.leases == 0;
        if last && how == Return::Closed {
            self.remove(number);
            return;
        }
        let used_once = last && keeps_nothing && connection.uses > 0;
        let goes = how != Return::Reuse || connection.retiring || worn || used_once;
        (connection.returned, connection.idled) = (event, event);
        connection.idle_since = now;
        if goes || self.shut_down {
            self.retire(number);
        } else {
            self.offer(number, false, None);
        }
    }

    pub(super) fn evict(&mut self, number: usize) {
        self.since_start(self.connection_at(number).host).evicted += 1;
        self.retire(number);
    }

    /// Gives a connection no further lease, and closes it once it has none.
    pub(super) fn retire(&mut self, number: usize) {
        self.set_provisional(number, false);
        let connection = self.connection_mut(number);
        if connection.state == State::Open {
            connection.retiring = true;
            if connection.leases == 0 {
                self.close(number);
            }
        }
    }

    pub(super) fn close(&mut self, number: usize) {
        self.set_provisional(number, false);
        self.connection_mut(number).state = State::Closing;
        self.limit_close(number);
        self.effects.push(Effect::Close(number));
    }

    fn limit_close(&mut self, number: usize) {
        let limit = Deadline {
            at: self.now + self.settings.close_timeout,
            set: self.event(),
        };
        self.connection_mut(number).deadline = Some(limit);
    }
}
