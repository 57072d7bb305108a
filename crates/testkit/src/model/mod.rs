//! A second manager, slow and obvious: plain lists, scanned for every decision of one shard.
//!
//! A difference between it and the engine means that one of them has misread the rules.

mod compare;
mod operation;
mod queue;
mod records;
mod serve;
mod subject;
mod time;
mod view;
mod visitor;

use std::time::Duration;

use keepalive_engine::{Capacity, Phase, Return, Settings, Timing};

pub use compare::{compare_fast_paths, compare_lanes, compare_observed, in_order, run};
pub use operation::{Operation, Scope};
pub use records::{Effect, Input, Outcome, Reply, Taken};
pub use subject::Subject;
pub use view::View;
pub use visitor::Visitor;

use records::{Connection, Host, Request, Stage, State};

/// The behaviour of one shard, by the rules.
#[derive(Clone, Debug)]
pub struct Model {
    settings: Settings,
    now: Duration,
    requests: Vec<Request>,
    connections: Vec<Connection>,
    hosts: Vec<Host>,
    /// How often a later request was served while an earlier one waited for room.
    overtakes: u64,
    /// How many answers with a connection were taken.
    taken: u64,
    /// Whether no attempt may begin, because everything is ending.
    frozen: bool,
    shut_down: bool,
    effects: Vec<Effect>,
    /// Hosts to align, because a connection no longer holds them up, or a request has timed out.
    relieved: Vec<usize>,
    requests_so_far: usize,
    connections_so_far: usize,
    events: u64,
}

impl Model {
    /// A manager with one host for each of `limits`, which may give the host its own limit.
    pub fn new(settings: Settings, limits: &[Option<usize>]) -> Self {
        let hosts = limits.iter().map(|&limit| Host {
            limit,
            ..Host::default()
        });
        Self {
            settings,
            now: Duration::ZERO,
            requests: Vec::new(),
            connections: Vec::new(),
            hosts: hosts.collect(),
            overtakes: 0,
            taken: 0,
            frozen: false,
            shut_down: false,
            effects: Vec::new(),
            relieved: Vec::new(),
            requests_so_far: 0,
            connections_so_far: 0,
            events: 0,
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many requests have come so far; their numbers begin with zero.
    pub fn requests(&self) -> usize {
        self.requests_so_far
    }

    /// The actions that the last input caused.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// Everything due happens first, then the input itself, and then free permits are given out.
    pub fn input(&mut self, input: Input) -> Reply {
        self.effects.clear();
        match input {
            Input::Pass(time) => {
                self.now += time;
                return Reply::Nothing;
            }
            Input::Take(request) => return Reply::Taken(self.take(request)),
            Input::Wait(time) => self.now += time,
            Input::ShutDown => (self.frozen, self.shut_down) = (true, true),
            Input::Abandon => self.frozen = true,
            _ => {}
        }
        self.do_what_is_due();
        let reply = self.act(input);
        self.give_out_room();
        while !self.relieved.is_empty() {
            self.give_out_room();
        }
        reply
    }

    fn act(&mut self, input: Input) -> Reply {
        match input {
            Input::Request {
                host,
                timeout,
                queue_timeout,
            } => self.request(host, timeout, queue_timeout),
            Input::Lease(host) => return Reply::Taken(self.lease(host)),
            Input::Release(request, how) => self.release(request, how),
            Input::Cancel(request) => return Reply::Cancelled(self.cancel(request)),
            Input::Forget(request) => self.forget(request),
            Input::Reject(request) => self.reject(request),
            Input::Connected(attempt, capacity) => {
                return Reply::Wanted(self.connected(attempt, capacity));
            }
            Input::Failed(attempt) => self.failed(attempt),
            Input::Progress(attempt, phase) => self.progress(attempt, phase),
            Input::Closed(connection) => self.remove(connection),
            Input::PeerClosed(connection) => self.peer_closed(connection),
            Input::CapacityChanged(connection, capacity) => {
                self.capacity_changed(connection, capacity);
            }
            Input::ShutDown => self.end(Outcome::ShutDown),
            Input::Abandon => {
                self.end(Outcome::Abandoned);
                self.frozen = self.shut_down;
            }
            Input::Wait(_) | Input::Pass(_) | Input::Take(_) => {}
        }
        Reply::Nothing
    }

    fn request(&mut self, host: usize, timeout: Option<Duration>, queue_timeout: Option<Duration>) {
        let number = self.requests_so_far;
        self.requests_so_far += 1;
        self.requests.push(Request {
            number,
            host,
            stage: Stage::Refused,
            arrival: 0,
            overtakes_before: 0,
            again: false,
            lost: false,
            until: self.now + timeout.unwrap_or(self.settings.timeout),
            attempt_until: queue_timeout.map(|limit| self.now + limit),
            deadline: None,
            since: self.now,
            spent: Timing::default(),
        });
        self.serve_or_queue(number);
    }

    fn lease(&mut self, host: usize) -> Option<Taken> {
        let number = self.requests_so_far;
        self.request(host, None, None);
        let Some(Stage::Assigned(..)) = self.stage(number) else {
            return None;
        };
        let taken = self.take(number);
        // A connection that is taken at once comes without an action.
        self.effects
            .retain(|effect| !matches!(effect, Effect::Answer(told, _) if *told == number));
        taken
    }

    fn take(&mut self, number: usize) -> Option<Taken> {
        let request = self.requests.iter_mut().find(|it| it.number == number)?;
        let (host, spent) = (request.host, request.spent);
        match request.stage {
            Stage::Assigned(connection, from_cache) => {
                request.stage = Stage::Held(connection, from_cache);
                self.taken += 1;
                if let Some(reuses) = self.reuses(host, from_cache) {
                    *reuses += 1;
                }
                self.connection_mut(connection).taken = true;
                Some(Taken {
                    connection: Some(connection),
                    from_cache,
                    spent,
                })
            }
            Stage::Refused => {
                self.drop_request(number);
                Some(Taken {
                    connection: None,
                    from_cache: None,
                    spent,
                })
            }
            _ => None,
        }
    }

    fn release(&mut self, number: usize, how: Return) {
        if let Some(Stage::Held(connection, _)) = self.stage(number) {
            self.drop_request(number);
            self.end_lease(connection, how);
        }
    }

    fn cancel(&mut self, number: usize) -> bool {
        let withdrawn = self.withdraw(number);
        if withdrawn {
            self.refuse(number, Outcome::Cancelled);
        }
        withdrawn
    }

    /// The caller has dropped the request, so there is no answer.
    fn forget(&mut self, number: usize) {
        if self.withdraw(number) || self.stage(number) == Some(Stage::Refused) {
            self.drop_request(number);
        }
    }

    fn withdraw(&mut self, number: usize) -> bool {
        match self.stage(number) {
            Some(Stage::Parked | Stage::Claimed | Stage::Attended(_)) => {
                self.leave_queue(number);
                self.align(self.request_at(number).host);
            }
            Some(Stage::Assigned(connection, _)) => {
                // The request has not used it.
                self.connection_mut(connection).uses -= 1;
                self.request_mut(number).stage = Stage::Refused;
                self.end_lease(connection, Return::Reuse);
            }
            _ => return false,
        }
        self.since_start(self.request_at(number).host).cancelled += 1;
        true
    }

    /// The connection ends before its user gets it. The request arrives again, with the rest of its
    /// time, and no queue is too full for it. If it had taken the connection, that counts for
    /// nothing. If this happens to a second new connection that no request has taken, the request
    /// fails.
    fn reject(&mut self, number: usize) {
        let (connection, from_cache) = match self.stage(number) {
            Some(Stage::Assigned(connection, from_cache)) => (connection, from_cache),
            Some(Stage::Held(connection, from_cache)) => {
                self.taken -= 1;
                let host = self.request_at(number).host;
                if let Some(reuses) = self.reuses(host, from_cache) {
                    *reuses -= 1;
                }
                (connection, from_cache)
            }
            _ => return,
        };
        self.since_start(self.request_at(number).host)
            .closed_by_peer += 1;
        self.book(number, None);
        let taken = self.find_connection(connection).is_some_and(|it| it.taken);
        let request = self.request_mut(number);
        request.stage = Stage::Refused;
        request.again = true;
        let new = from_cache.is_none() && !taken;
        let failed = new && request.lost;
        request.lost |= new;
        self.end_lease(connection, Return::Close);
        match failed {
            true => {
                self.since_start(self.request_at(number).host).failed += 1;
                self.refuse(number, Outcome::Failed);
            }
            false => self.serve_or_queue(number),
        }
    }

    fn progress(&mut self, attempt: usize, phase: Phase) {
        if let Some(connection) = self.find_connection(attempt) {
            let (before, owner) = (connection.phase, connection.owner);
            self.connection_mut(attempt).phase = phase;
            if let Some(owner) = owner {
                self.book(owner, Some(before));
            } else {
                let host = self.connection_at(attempt).host;
                self.align(host);
            }
        }
    }

    fn peer_closed(&mut self, number: usize) {
        let Some(connection) = self.find_connection(number) else {
            return;
        };
        let host = connection.host;
        if connection.is_idle() {
            self.since_start(host).closed_by_peer += 1;
        }
        self.retire(number);
    }

    fn capacity_changed(&mut self, number: usize, capacity: Capacity) {
        let Some(connection) = self.find_connection(number) else {
            return;
        };
        let overtakes_before = self.hosts[connection.host].overtakes_before;
        let event = self.event();
        let full = !self.has_room(number);
        let (leases, provisional) = read(capacity);
        let before = self.holds_back(number);
        self.set_provisional(number, provisional);
        let begins = !before && self.holds_back(number);
        let connection = self.connection_mut(number);
        connection.capacity = leases;
        if full {
            connection.returned = event;
        }
        if self.has_room(number) {
            self.offer(number, false, begins.then_some(overtakes_before));
        }
    }

    /// Sets whether a connection's number of leases is not known yet. A connection that takes no
    /// more leases, or is not open, holds no request up.
    fn set_provisional(&mut self, number: usize, provisional: bool) {
        let connection = self.connection_at(number);
        let host = connection.host;
        let open = connection.state == State::Open && !connection.retiring;
        if self.holds_back(number) && !provisional {
            self.note_limit(host);
            self.relieved.push(host);
        }
        self.connection_mut(number).provisional = provisional && open;
        if self.holds_back(number) && self.hosts[host].shares {
            self.withdraw_claims(host);
        }
    }

    /// All requests are answered, all attempts withdrawn, all idle connections closed.
    fn end(&mut self, outcome: Outcome) {
        for number in self.numbers_of_waiters() {
            self.leave_queue(number);
            self.refuse(number, outcome);
        }
        for orphan in self.orphans(None) {
            self.withdraw_attempt(orphan);
        }
        while let Some(idle) = self.idle_longest() {
            self.close(idle);
        }
    }

    fn holds_back(&self, number: usize) -> bool {
        self.find_connection(number)
            .is_some_and(|it| it.provisional)
    }

    fn stage(&self, number: usize) -> Option<Stage> {
        let request = self.requests.iter().find(|it| it.number == number);
        request.map(|request| request.stage)
    }

    fn request_at(&self, number: usize) -> &Request {
        let request = self.requests.iter().find(|it| it.number == number);
        request.expect("a request that is there")
    }

    fn request_mut(&mut self, number: usize) -> &mut Request {
        let request = self.requests.iter_mut().find(|it| it.number == number);
        request.expect("a request that is there")
    }

    fn drop_request(&mut self, number: usize) {
        self.requests.retain(|request| request.number != number);
    }

    fn find_connection(&self, number: usize) -> Option<&Connection> {
        self.connections.iter().find(|it| it.number == number)
    }

    fn connection_at(&self, number: usize) -> &Connection {
        self.find_connection(number)
            .expect("a connection that is there")
    }

    fn connection_mut(&mut self, number: usize) -> &mut Connection {
        let connection = self.connections.iter_mut().find(|it| it.number == number);
        connection.expect("a connection that is there")
    }

    /// The next place in the order of events.
    fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }
}

/// The number of leases, and whether more may be allowed later.
fn read(capacity: Capacity) -> (usize, bool) {
    match capacity {
        Capacity::One => (1, false),
        Capacity::Shared(leases) => (leases.into(), leases == 0),
        Capacity::Provisional(leases) => (leases.into(), true),
    }
}
