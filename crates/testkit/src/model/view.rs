//! The observable state of a manager between two inputs.

use std::time::Duration;

use keepalive_engine::{Counts, Due, FromCache, Reason};

use super::records::{Stage, State};
use super::{Connection, Model};

/// Everything observable on which the engine and the model must agree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    pub totals: Counts,
    /// Figures of each host.
    pub hosts: Vec<Counts>,
    /// Why each waiting request waits, and for how long.
    pub waiting: Vec<(usize, Reason, Duration)>,
    /// The leases: the request, its host, and the time of its answer.
    pub held: Vec<(usize, usize, Duration)>,
    pub connecting: Vec<usize>,
    pub idle: Vec<usize>,
    /// The connection that a request for each host would get now.
    pub next: Vec<Option<usize>>,
    pub due: Option<(Duration, Due)>,
    pub claims: usize,
    pub queued: usize,
    pub overtakes: u64,
    /// How many answers with a connection were taken.
    pub taken: u64,
}

impl Model {
    pub fn view(&self) -> View {
        let numbers = |wanted: fn(&Connection) -> bool| {
            let found = self.connections.iter().filter(|it| wanted(it));
            found.map(|it| it.number).collect()
        };
        let hosts: Vec<_> = (0..self.hosts.len()).map(|it| self.counts(it)).collect();
        View {
            totals: hosts.iter().fold(Counts::default(), |mut totals, host| {
                totals += *host;
                totals
            }),
            hosts,
            waiting: self.waits(),
            held: self.held(),
            connecting: numbers(|it| it.state == State::Connecting),
            idle: numbers(Connection::is_idle),
            next: (0..self.hosts.len())
                .map(|host| self.next_available(host))
                .collect(),
            due: self.next_due(),
            claims: self.claims().len(),
            queued: self.settings.max_queued.map_or(0, |_| self.queued()),
            overtakes: self.overtakes,
            taken: self.taken,
        }
    }

    pub(super) fn since_start(&mut self, host: usize) -> &mut Counts {
        &mut self.hosts[host].since_start
    }

    /// The count of reuses of this kind; `None` for a connection that is new.
    pub(super) fn reuses(
        &mut self,
        host: usize,
        from_cache: Option<FromCache>,
    ) -> Option<&mut u64> {
        let counts = self.since_start(host);
        match from_cache? {
            FromCache::Immediate => Some(&mut counts.reused_immediate),
            FromCache::Deferred => Some(&mut counts.reused_deferred),
        }
    }

    fn waits(&self) -> Vec<(usize, Reason, Duration)> {
        let waiting = self.requests.iter().filter(|it| it.waits());
        waiting
            .map(|request| {
                let (reason, elapsed) = self.waiting(request.number);
                (request.number, reason, elapsed)
            })
            .collect()
    }

    fn held(&self) -> Vec<(usize, usize, Duration)> {
        let requests = self.requests.iter();
        let held = requests.filter(|it| matches!(it.stage, Stage::Held(..)));
        held.map(|it| (it.number, it.host, it.since)).collect()
    }

    /// The figures since the start, and those of the present.
    fn counts(&self, host: usize) -> Counts {
        let mut counts = self.hosts[host].since_start;
        for connection in self.connections.iter().filter(|it| it.host == host) {
            counts.open += 1;
            *match connection.state {
                State::Connecting => &mut counts.connecting,
                State::Open if connection.leases > 0 => &mut counts.leased,
                State::Open => &mut counts.idle,
                State::Withdrawn | State::Closing => &mut counts.closing,
            } += 1;
        }
        let requests = self.requests.iter();
        counts.waiting = requests.filter(|it| it.host == host && it.waits()).count();
        counts
    }
}
