//! The model's queue: waiters, claims for room, and evictions (L1, L2, L4, L5, L6, L7).

use std::time::Duration;

use keepalive_engine::Phase;

use super::records::{Connection, Deadline, Stage, State, spend};
use super::{Effect, Model, Outcome};

/// How many attempts without owner a host may let finish, and how long each may take.
const FINISHING: usize = 4;
const FINISHES_WITHIN: Duration = Duration::from_secs(120);

impl Model {
    pub(super) fn serve_or_queue(&mut self, number: usize) {
        if self.shut_down {
            self.refuse(number, Outcome::ShutDown);
        } else if !self.serve_at_once(number) {
            self.join_queue(number);
            // Its time may be over already.
            self.do_what_is_due();
        }
    }

    fn join_queue(&mut self, number: usize) {
        let host = self.request_at(number).host;
        if let Some(max) = self.settings.max_queued
            && !self.request_at(number).again
            && !self.has_attempt_at_once(host)
            && self.queued() >= max
        {
            self.since_start(host).refused += 1;
            self.refuse(number, Outcome::QueueFull(max));
            return;
        }
        let arrival = self.event();
        let overtakes_before = self.overtakes;
        let request = self.request_mut(number);
        request.stage = Stage::Parked;
        (request.arrival, request.overtakes_before) = (arrival, overtakes_before);
        let at = request
            .attempt_until
            .map_or(request.until, |until| until.min(request.until));
        request.deadline = Some(at);
        self.align(host);
    }

    /// A request that can open at once, or adopt an attempt, never counts as queued.
    fn has_attempt_at_once(&self, host: usize) -> bool {
        let first = self.unattended(host).is_empty();
        let may_claim = self.below_host_limit(host) && !self.is_held_back(host);
        let can_open = may_claim && self.claims().is_empty() && self.can_open();
        first && (can_open || !self.orphans(Some(host)).is_empty())
    }

    /// Requests that wait without an attempt of their own.
    pub(super) fn queued(&self) -> usize {
        let waiting = self.requests.iter();
        waiting.filter(|it| it.is_unattended()).count()
    }

    /// Ends a request's wait; its attempt is left without owner.
    pub(super) fn leave_queue(&mut self, number: usize) {
        if let Stage::Attended(attempt) = self.request_at(number).stage {
            self.book(number, Some(self.connection_at(attempt).phase));
            if self.connection_at(attempt).state == State::Connecting {
                self.orphan(attempt);
            }
        } else {
            self.book(number, None);
        }
        let request = self.request_mut(number);
        (request.stage, request.deadline) = (Stage::Refused, None);
    }

    fn orphan(&mut self, attempt: usize) {
        let event = self.event();
        let limit = self.settings.keep_unneeded_attempts.then(|| Deadline {
            at: self.now + self.settings.timeout.min(FINISHES_WITHIN),
            set: event,
        });
        let attempt = self.connection_mut(attempt);
        (attempt.owner, attempt.orphaned, attempt.deadline) = (None, event, limit);
    }

    /// Aligns a host: requests adopt attempts without owner in order of arrival, and the rest of
    /// these are withdrawn. Requests within the host's limit claim room, and may get it at once.
    pub(super) fn align(&mut self, host: usize) {
        let mut finishing = 0;
        for orphan in self.orphans(Some(host)) {
            match self.unattended(host).first() {
                Some(&adopter) => {
                    self.connection_mut(orphan).deadline = None;
                    self.attend(adopter, orphan);
                }
                None if self.settings.keep_unneeded_attempts
                    && !self.shut_down
                    && is_under_way(self.connection_at(orphan).phase)
                    && finishing < FINISHING =>
                {
                    finishing += 1;
                }
                None => self.withdraw_attempt(orphan),
            }
        }
        while self.below_host_limit(host)
            && !self.is_held_back(host)
            && let Some(next) = self.parked(host)
        {
            let older = self.claims();
            let overtakes_before = self.hosts[host].overtakes_before;
            let request = self.request_mut(next);
            request.stage = Stage::Claimed;
            request.overtakes_before = request.overtakes_before.max(overtakes_before);
            let is_oldest = older
                .iter()
                .all(|&other| self.request_at(next).arrival < self.request_at(other).arrival);
            if is_oldest && self.can_open() {
                self.start_attempt(next);
            }
        }
    }

    /// Requests that were held up claim room, and free permits go to the oldest claims. If claims
    /// could use more permits than are free or being freed, attempts without owner are withdrawn.
    /// Then idle connections close, the one idle longest first.
    pub(super) fn give_out_room(&mut self) {
        for host in std::mem::take(&mut self.relieved) {
            self.align(host);
        }
        while self.can_open()
            && let Some(&oldest) = self.claims().first()
        {
            self.start_attempt(oldest);
        }
        while self.an_orphan_is_in_the_way()
            && let Some(&orphan) = self.orphans(None).first()
        {
            self.withdraw_attempt(orphan);
        }
        while self.needs_eviction()
            && let Some(idle) = self.idle_longest()
        {
            self.evict(idle);
        }
    }

    /// Whether a claim could begin an attempt if an attempt without owner were withdrawn.
    fn an_orphan_is_in_the_way(&self) -> bool {
        let attempts = self.connections.iter();
        let attempts = attempts.filter(|it| it.state == State::Connecting);
        let places = self.max_connecting() - attempts.count();
        let closing = self.connections.iter().filter(|it| it.is_closing());
        let permits = self.settings.max_open - self.connections.len() + closing.count();
        let wanted = self
            .claims()
            .len()
            .min(places.saturating_add(self.orphans(None).len()));
        !self.frozen && wanted > permits.min(places)
    }

    /// A withdrawn attempt frees its place among the attempts together with its permit.
    pub(super) fn needs_eviction(&self) -> bool {
        let wanted = self.connections.iter();
        let wanted = wanted.filter(|it| it.state == State::Connecting);
        let may_begin = self.max_connecting() - wanted.count();
        let wanted = self.claims().len().min(may_begin);
        let closing = self.connections.iter().filter(|it| it.is_closing());
        let free = self.settings.max_open - self.connections.len();
        !self.frozen && wanted > free + closing.count()
    }

    fn can_open(&self) -> bool {
        !self.frozen
            && self.connections.len() < self.settings.max_open
            && self.connecting() < self.max_connecting()
    }

    fn start_attempt(&mut self, request: usize) {
        let number = self.connections_so_far;
        self.connections_so_far += 1;
        let host = self.request_at(request).host;
        self.connections.push(Connection {
            number,
            host,
            state: State::Connecting,
            phase: Phase::Resolve,
            owner: None,
            orphaned: 0,
            leases: 0,
            capacity: 1,
            provisional: false,
            uses: 0,
            returned: 0,
            idled: 0,
            idle_since: self.now,
            deadline: None,
            run: 0,
            retiring: false,
            taken: false,
        });
        self.attend(request, number);
        self.effects.push(Effect::Connect(number, host));
    }

    fn attend(&mut self, request: usize, attempt: usize) {
        self.book(request, None);
        self.connection_mut(attempt).owner = Some(request);
        let request = self.request_mut(request);
        request.stage = Stage::Attended(attempt);
        request.attempt_until = None;
        request.deadline = Some(request.until);
    }

    pub(super) fn withdraw_attempt(&mut self, number: usize) {
        let attempt = self.connection_mut(number);
        (attempt.state, attempt.deadline) = (State::Withdrawn, None);
        self.effects.push(Effect::Cancel(number));
    }

    /// The attempt's owner alone is answered.
    pub(super) fn failed(&mut self, number: usize) {
        let Some(attempt) = self.find_connection(number) else {
            return;
        };
        let (host, phase, state) = (attempt.host, attempt.phase, attempt.state);
        if state == State::Connecting
            && let Some(owner) = attempt.owner
        {
            self.book(owner, Some(phase));
            self.since_start(host).failed += 1;
            self.refuse(owner, Outcome::Failed);
        }
        self.remove(number);
    }

    /// Removes a connection that has gone, and frees its permit.
    pub(super) fn remove(&mut self, number: usize) {
        let Some(connection) = self.find_connection(number) else {
            return;
        };
        let host = connection.host;
        self.set_provisional(number, false);
        self.note_limit(host);
        self.connections.retain(|it| it.number != number);
        self.align(host);
    }

    /// Requests do not wait for room while their host is at its limit, or a connection's number of
    /// leases is not known.
    pub(super) fn note_limit(&mut self, host: usize) {
        if self.open_of(host) == self.max_of(host) || self.awaits_capacity(host) {
            self.hosts[host].overtakes_before = self.overtakes;
        }
    }

    /// A host that shares connections may have claimed room for too many.
    pub(super) fn withdraw_claims(&mut self, host: usize) {
        for claim in self.claims() {
            if self.request_at(claim).host == host {
                self.request_mut(claim).stage = Stage::Parked;
                self.relieved.push(host);
            }
        }
    }

    /// Whether a host must not claim more room. A host that shares has one claim at a time, and
    /// none while a connection may come to carry more.
    fn is_held_back(&self, host: usize) -> bool {
        let claims = self.requests.iter();
        let mut claims = claims.filter(|it| it.host == host && it.stage == Stage::Claimed);
        self.awaits_capacity(host) || (self.hosts[host].shares && claims.next().is_some())
    }

    pub(super) fn awaits_capacity(&self, host: usize) -> bool {
        let connections = self.connections.iter();
        let mut own = connections.filter(|it| it.host == host);
        self.hosts[host].shares && own.any(|it| it.state == State::Connecting || it.provisional)
    }

    pub(super) fn awaits_word(&self, host: usize) -> bool {
        let mut connections = self.connections.iter();
        self.hosts[host].shares && connections.any(|it| it.host == host && it.provisional)
    }

    /// Answers a request that waits no longer, without a connection.
    pub(super) fn refuse(&mut self, number: usize, outcome: Outcome) {
        let request = self.request_mut(number);
        (request.stage, request.deadline) = (Stage::Refused, None);
        self.effects.push(Effect::Answer(number, outcome));
    }

    /// Books the time since the present phase of a request began; the next one begins now.
    pub(super) fn book(&mut self, number: usize, phase: Option<Phase>) {
        let now = self.now;
        let request = self.request_mut(number);
        spend(&mut request.spent, phase, now - request.since);
        request.since = now;
    }

    /// All requests that wait for room in total, in order of arrival.
    pub(super) fn claims(&self) -> Vec<usize> {
        self.in_order(|request| request.stage == Stage::Claimed)
    }

    pub(super) fn numbers_of_waiters(&self) -> Vec<usize> {
        self.in_order(super::Request::waits)
    }

    pub(super) fn first_waiter(&self, host: usize) -> Option<usize> {
        let waiters = self.in_order(|request| request.host == host && request.waits());
        waiters.first().copied()
    }

    fn unattended(&self, host: usize) -> Vec<usize> {
        self.in_order(|request| request.host == host && request.is_unattended())
    }

    fn parked(&self, host: usize) -> Option<usize> {
        let parked = self.in_order(|it| it.host == host && it.stage == Stage::Parked);
        parked.first().copied()
    }

    fn in_order(&self, wanted: impl Fn(&super::Request) -> bool) -> Vec<usize> {
        let mut found: Vec<_> = self.requests.iter().filter(|it| wanted(it)).collect();
        found.sort_by_key(|request| request.arrival);
        found.iter().map(|request| request.number).collect()
    }

    /// Attempts without owner, the one left first in front.
    pub(super) fn orphans(&self, host: Option<usize>) -> Vec<usize> {
        let attempts = self.connections.iter().filter(|it| it.is_orphan());
        let mut found: Vec<_> = attempts
            .filter(|it| host.is_none_or(|host| it.host == host))
            .collect();
        found.sort_by_key(|attempt| attempt.orphaned);
        found.iter().map(|attempt| attempt.number).collect()
    }

    fn below_host_limit(&self, host: usize) -> bool {
        let claims = self.requests.iter();
        let claims = claims.filter(|it| it.host == host && it.stage == Stage::Claimed);
        self.open_of(host) + claims.count() < self.max_of(host)
    }

    /// How many connections a host may have.
    pub(super) fn max_of(&self, host: usize) -> usize {
        self.hosts[host].limit.unwrap_or(self.settings.max_per_host)
    }

    pub(super) fn open_of(&self, host: usize) -> usize {
        let connections = self.connections.iter();
        connections.filter(|it| it.host == host).count()
    }

    /// Attempts under way. A withdrawn attempt counts until its end is reported.
    pub(super) fn connecting(&self) -> usize {
        let connections = self.connections.iter();
        let under_way = |state| matches!(state, State::Connecting | State::Withdrawn);
        connections.filter(|it| under_way(it.state)).count()
    }

    pub(super) fn max_connecting(&self) -> usize {
        self.settings.max_connecting.unwrap_or(usize::MAX)
    }
}

/// Whether an attempt in this phase waits for neither a lookup nor a descriptor.
fn is_under_way(phase: Phase) -> bool {
    matches!(phase, Phase::Connect | Phase::Proxy | Phase::Tls)
}
