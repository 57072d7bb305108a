//! Random inputs that always find something to act on.

use std::time::Duration;

use keepalive_engine::{Capacity, IdleOrder, Phase, Return, Settings};

use super::records::{Stage, State};
use super::{Connection, Input, Model, Request};
use crate::dice::Dice;

/// The settings and the hosts of one run.
#[derive(Clone, Debug)]
pub struct Scope {
    pub settings: Settings,
    pub hosts: usize,
    /// For each host, its own limit of connections in place of `max_per_host`.
    pub limits: Vec<Option<usize>>,
    /// How many leases a connection may carry.
    pub capacity: usize,
    /// How often each kind is drawn: some never, some more, so that runs differ.
    weights: [(Kind, usize); KINDS],
}

const KINDS: usize = 19;
const MAX_HOSTS: usize = 4;

impl Scope {
    /// How many draws make a scope.
    pub const DRAWS: usize = 14 + KINDS + MAX_HOSTS;

    /// The scope of a random run.
    pub fn draw(dice: &mut Dice) -> Self {
        Self::new(std::array::from_fn(|_| byte(dice)))
    }

    /// The scope of a run by these draws; zero is the plainest choice of each.
    pub fn new(draws: [u8; Self::DRAWS]) -> Self {
        let mut draws = draws.into_iter().map(usize::from);
        let mut below = |limit: usize| draws.next().map_or(0, |draw| draw % limit);
        let rarely = |draw: usize| draw.checked_sub(5);
        let hosts = 1 + below(MAX_HOSTS);
        let mut scope = Self {
            hosts,
            limits: Vec::new(),
            capacity: [1, 1, 1, 2, 3][below(5)],
            settings: Settings {
                max_per_host: 1 + below(3),
                max_open: 1 + below(5),
                max_queued: rarely(below(8)).map(|more| 1 + more),
                max_connecting: rarely(below(8)).map(|more| 1 + more),
                keep_alive: ms([1000, 0, 15, 100][below(4)]),
                timeout: ms([1000, 300, 60][below(3)]),
                close_timeout: ms(40),
                max_lifetime: [None, None, Some(ms(70))][below(3)],
                lifetime_jitter: 0.0,
                max_uses: rarely(below(8)).map(|more| 1 + more as u64),
                idle_order: [IdleOrder::Lifo, IdleOrder::Fifo][below(2)],
                max_reuse_streak: [3, 1, 0][below(3)],
                keep_unneeded_attempts: below(3) > 0,
                seed: 0,
                shards: 1,
            },
            weights: WEIGHTS.map(|(kind, weight)| {
                let factors = if kind.is_needed() {
                    [1, 1, 2, 4]
                } else {
                    [1, 2, 0, 0]
                };
                (kind, weight * factors[below(4)])
            }),
        };
        let limit = |_| [None, None, Some(1), Some(2), Some(4)][below(5)];
        scope.limits = (0..hosts).map(limit).collect();
        scope
    }

    /// The capacity of a new connection. Where none carries several leases, none is shared.
    fn opened(&self, draw: usize) -> Capacity {
        match (self.capacity, draw % 4) {
            (1, _) => Capacity::One,
            (_, 0) => Capacity::provisional(draw / 4 % 3),
            (capacity, 1) => Capacity::shared(draw / 4 % (capacity + 1)),
            (capacity, _) => Capacity::from(1 + draw / 4 % capacity),
        }
    }

    fn changed(&self, draw: usize) -> Capacity {
        match (self.capacity, draw % 4) {
            (1, _) => Capacity::from(1 + draw % 2),
            (_, 0) => Capacity::provisional(draw / 4 % 3),
            (capacity, _) => Capacity::shared(draw / 4 % (capacity + 2)),
        }
    }
}

/// One random choice of an input and of its subject. It becomes an [`Input`] where it is made.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub kind: Kind,
    pub picks: [u8; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request,
    Lease,
    Take,
    Release,
    Withdraw,
    Reject,
    Connect,
    Fail,
    Progress,
    Close,
    Late,
    Stale,
    PeerCloses,
    Capacity,
    Wait,
    WaitUntilDue,
    Pass,
    Abandon,
    ShutDown,
}

/// How often each kind is drawn where there is something for it to act on.
const WEIGHTS: [(Kind, usize); KINDS] = [
    (Kind::Request, 30),
    (Kind::Lease, 10),
    (Kind::Take, 40),
    (Kind::Release, 30),
    (Kind::Withdraw, 8),
    (Kind::Reject, 2),
    (Kind::Connect, 40),
    (Kind::Fail, 3),
    (Kind::Progress, 16),
    (Kind::Close, 24),
    (Kind::Late, 2),
    (Kind::Stale, 1),
    (Kind::PeerCloses, 3),
    (Kind::Capacity, 8),
    (Kind::Wait, 4),
    (Kind::WaitUntilDue, 2),
    (Kind::Pass, 2),
    (Kind::Abandon, 1),
    (Kind::ShutDown, 1),
];

impl Kind {
    /// Without these, nothing much happens.
    fn is_needed(self) -> bool {
        use Kind::{Close, Connect, Release, Request, Take};
        matches!(self, Request | Take | Release | Connect | Close)
    }
}

impl Model {
    /// A random input that has something to act on.
    pub fn draw(&self, scope: &Scope, dice: &mut Dice) -> Input {
        let kinds = self.kinds(scope);
        let kind = kinds[dice.below(kinds.len())];
        let picks = std::array::from_fn(|_| byte(dice));
        self.resolve(scope, Operation { kind, picks })
    }

    /// The kinds that are possible now, each repeated by its weight.
    pub fn kinds(&self, scope: &Scope) -> Vec<Kind> {
        let possible = scope
            .weights
            .iter()
            .filter(|&&(kind, _)| self.is_possible(kind));
        let weighed = possible.map(|&(kind, weight)| std::iter::repeat_n(kind, weight));
        weighed.flatten().collect()
    }

    /// The input that a choice becomes here. A choice without a subject becomes a wait.
    pub fn resolve(&self, scope: &Scope, operation: Operation) -> Input {
        let [first, second, third] = operation.picks.map(usize::from);
        let input = match operation.kind {
            Kind::Request => Some(self.new_request(first, second, third)),
            Kind::Lease => Some(Input::Lease(first % self.hosts.len())),
            Kind::Take => self.pick_request(first, is_answered).map(Input::Take),
            Kind::Release => self.returned(first, second),
            Kind::Withdraw => self
                .pick_request(first, |_| true)
                .map(|id| match second % 3 {
                    0 => Input::Forget(id),
                    _ => Input::Cancel(id),
                }),
            Kind::Reject => self.pick_request(first, has_one).map(Input::Reject),
            Kind::Connect => self
                .pick_connection(first, is_attempt)
                .map(|id| Input::Connected(id, scope.opened(second))),
            Kind::Fail => self.pick_connection(first, is_attempt).map(Input::Failed),
            Kind::Progress => self.pick_connection(first, is_attempt).map(|id| {
                let phases = [Phase::Connect, Phase::Tls, Phase::Proxy, Phase::Resolve];
                Input::Progress(id, phases[second % phases.len()])
            }),
            Kind::Close => self
                .pick_connection(first, Connection::is_closing)
                .map(Input::Closed),
            Kind::Late => self
                .pick_connection(first, is_withdrawn)
                .map(|id| match second % 3 {
                    0 => Input::Connected(id, Capacity::One),
                    1 => Input::Failed(id),
                    _ => Input::Progress(id, Phase::Tls),
                }),
            Kind::Stale => Some(self.stale(first, second)),
            Kind::PeerCloses => self.pick_connection(first, is_open).map(Input::PeerClosed),
            Kind::Capacity => self
                .pick_connection(first, is_open)
                .map(|id| Input::CapacityChanged(id, scope.changed(second))),
            Kind::WaitUntilDue => self
                .view()
                .due
                .map(|(at, _)| Input::Wait(at.saturating_sub(self.now))),
            Kind::Pass => Some(Input::Pass(ms([1, 1, 10, 40][first % 4]))),
            Kind::Abandon => Some(Input::Abandon),
            Kind::ShutDown => Some(Input::ShutDown),
            Kind::Wait => None,
        };
        input.unwrap_or(Input::Wait(ms([1, 1, 5, 10, 50][first % 5])))
    }

    fn is_possible(&self, kind: Kind) -> bool {
        let request = |wanted: fn(&Request) -> bool| self.requests.iter().any(wanted);
        let connection = |wanted: fn(&Connection) -> bool| self.connections.iter().any(wanted);
        match kind {
            Kind::Request | Kind::Lease | Kind::Wait | Kind::Pass | Kind::Abandon => true,
            Kind::Take => request(is_answered),
            Kind::Release => request(is_held),
            Kind::Withdraw => !self.requests.is_empty(),
            Kind::Reject => request(has_one),
            Kind::Connect | Kind::Fail | Kind::Progress => connection(is_attempt),
            Kind::Close => connection(Connection::is_closing),
            Kind::Late => connection(is_withdrawn),
            Kind::Stale => self.connections_so_far > 0,
            Kind::PeerCloses | Kind::Capacity => connection(is_open),
            Kind::WaitUntilDue => self.view().due.is_some(),
            // A run ends soon after its shutdown.
            Kind::ShutDown => !self.shut_down && self.requests_so_far > 10,
        }
    }

    fn new_request(&self, host: usize, timeout: usize, queue_timeout: usize) -> Input {
        let limit = |draw: usize| match draw % 32 {
            draw @ 28.. => Some(ms([60, 30, 10, 0][draw - 28])),
            _ => None,
        };
        Input::Request {
            host: host % self.hosts.len(),
            timeout: limit(timeout),
            queue_timeout: limit(queue_timeout),
        }
    }

    /// An input about a request or a connection that may have gone, which then changes nothing.
    fn stale(&self, which: usize, what: usize) -> Input {
        let request = which % self.requests_so_far;
        let connection = which % self.connections_so_far;
        let is_gone = self.find_connection(connection).is_none();
        match what % 9 {
            0 => Input::Take(request),
            1 => Input::Cancel(request),
            2 => Input::Reject(request),
            3 => Input::Release(request, Return::Close),
            4 if is_gone => Input::Connected(connection, Capacity::One),
            5 if is_gone => Input::Failed(connection),
            6 if is_gone => Input::Closed(connection),
            7 => Input::Progress(connection, Phase::Tls),
            _ => Input::PeerClosed(connection),
        }
    }

    fn returned(&self, which: usize, how: usize) -> Option<Input> {
        let request = self.pick_request(which, is_held)?;
        let Stage::Held(connection, _) = self.request_at(request).stage else {
            return None;
        };
        let alone = self.connection_at(connection).leases == 1;
        let how = match how % 8 {
            6 if alone => Return::Closed,
            6 | 7 => Return::Close,
            _ => Return::Reuse,
        };
        Some(Input::Release(request, how))
    }

    fn pick_request(&self, which: usize, wanted: fn(&Request) -> bool) -> Option<usize> {
        let found: Vec<_> = self.requests.iter().filter(|it| wanted(it)).collect();
        let request = found.get(which.checked_rem(found.len())?)?;
        Some(request.number)
    }

    fn pick_connection(&self, which: usize, wanted: fn(&Connection) -> bool) -> Option<usize> {
        let found: Vec<_> = self.connections.iter().filter(|it| wanted(it)).collect();
        let connection = found.get(which.checked_rem(found.len())?)?;
        Some(connection.number)
    }
}

fn byte(dice: &mut Dice) -> u8 {
    dice.roll().to_le_bytes()[7]
}

fn is_answered(request: &Request) -> bool {
    matches!(request.stage, Stage::Assigned(..) | Stage::Refused)
}

fn has_one(request: &Request) -> bool {
    matches!(request.stage, Stage::Assigned(..) | Stage::Held(..))
}

fn is_held(request: &Request) -> bool {
    matches!(request.stage, Stage::Held(..))
}

fn is_attempt(connection: &Connection) -> bool {
    connection.state == State::Connecting
}

fn is_withdrawn(connection: &Connection) -> bool {
    connection.state == State::Withdrawn
}

fn is_open(connection: &Connection) -> bool {
    connection.state == State::Open
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
