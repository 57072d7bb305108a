//! The model's deadlines (T1, T2, C5, C6, C8).

use std::time::Duration;

use keepalive_engine::{Due, Phase, Reason};

use super::records::{Stage, State};
use super::{Effect, Model, Outcome};

#[derive(Clone, Copy)]
enum Whose {
    Request(usize),
    Connection(usize),
}

impl Model {
    /// The next event that is due, and its time.
    pub(super) fn next_due(&self) -> Option<(Duration, Due)> {
        let deadline = self.next_deadline().map(|(deadline, whose)| match whose {
            Whose::Request(_) => (deadline, Due::Request),
            Whose::Connection(_) => (deadline, Due::Connection),
        });
        let expiry = self.next_expiry().map(|at| (at, Due::KeepAlive));
        // At the same instant, a deadline comes before an expiry.
        deadline.into_iter().chain(expiry).min_by_key(|&(at, _)| at)
    }

    /// Handles everything due now, in the order of its time. Requests that time out leave attempts
    /// and permits, which others inherit only after all timeouts.
    pub(super) fn do_what_is_due(&mut self) {
        while let Some((at, due)) = self.next_due()
            && at <= self.now
        {
            match (due, self.next_deadline()) {
                (Due::KeepAlive, _) => self.expire(self.idle_longest()),
                (_, Some((_, Whose::Request(request)))) => self.time_out(request),
                (_, Some((_, Whose::Connection(connection)))) => self.end_of_time(connection),
                (_, None) => unreachable!("it is due"),
            }
        }
        for host in std::mem::take(&mut self.relieved) {
            self.align(host);
        }
    }

    /// The connection idle longest.
    pub(super) fn idle_longest(&self) -> Option<usize> {
        let idle = self.connections.iter().filter(|it| it.is_idle());
        let longest = idle.min_by_key(|connection| connection.idled);
        longest.map(|connection| connection.number)
    }

    /// Why a request waits, and for how long.
    pub(super) fn waiting(&self, number: usize) -> (Reason, Duration) {
        let request = self.request_at(number);
        let reason = match request.stage {
            Stage::Attended(attempt) => match self.connection_at(attempt).phase {
                Phase::Resolve => Reason::Resolving,
                Phase::Connect => Reason::Connecting,
                Phase::Proxy => Reason::Tunnelling,
                Phase::Descriptor => Reason::Descriptor,
                _ => Reason::Handshaking,
            },
            stage => self.reason_in_queue(request.host, stage == Stage::Parked),
        };
        (reason, self.now - request.since)
    }

    fn reason_in_queue(&self, host: usize, parked: bool) -> Reason {
        let in_use = self.open_of(host);
        let connecting = self.connecting();
        let max = self.max_of(host);
        if parked && self.awaits_word(host) {
            Reason::PeerLimit
        } else if parked && self.awaits_capacity(host) {
            Reason::Sharing
        } else if in_use >= max {
            Reason::HostLimit { in_use, max }
        } else if connecting < self.max_connecting() {
            let max = self.settings.max_open;
            let open = self.connections.len();
            Reason::TotalLimit { open, max }
        } else {
            let max = self.max_connecting();
            Reason::ConnectLimit { connecting, max }
        }
    }

    fn next_deadline(&self) -> Option<(Duration, Whose)> {
        let waiting = self.requests.iter().filter(|it| it.deadline.is_some());
        let first = waiting.min_by_key(|it| (it.deadline, it.arrival));
        let request = first.and_then(|it| Some((it.deadline?, Whose::Request(it.number))));
        let open = self.connections.iter().filter(|it| it.deadline.is_some());
        let first = open.min_by_key(|it| it.deadline);
        let connection = first.and_then(|it| Some((it.deadline?.at, Whose::Connection(it.number))));
        let both = request.into_iter().chain(connection);
        both.min_by_key(|&(at, _)| at)
    }

    fn next_expiry(&self) -> Option<Duration> {
        let longest = self.connection_at(self.idle_longest()?);
        Some(longest.idle_since + self.settings.keep_alive)
    }

    fn time_out(&mut self, number: usize) {
        let (reason, elapsed) = self.waiting(number);
        let host = self.request_at(number).host;
        self.since_start(host).timed_out += 1;
        // A request that waits behind its host's limit leaves nothing to others.
        if self.request_at(number).stage != Stage::Parked {
            self.relieved.push(host);
        }
        self.leave_queue(number);
        self.refuse(number, Outcome::TimedOut(reason, elapsed));
    }

    fn end_of_time(&mut self, number: usize) {
        let connection = self.connection_mut(number);
        connection.deadline = None;
        match connection.state {
            State::Connecting => self.withdraw_attempt(number),
            State::Open if connection.leases == 0 => self.expire(Some(number)),
            State::Open => self.retire(number),
            State::Withdrawn | State::Closing => self.effects.push(Effect::Abandon(number)),
        }
    }

    fn expire(&mut self, number: Option<usize>) {
        if let Some(number) = number {
            self.since_start(self.connection_at(number).host).expired += 1;
            self.close(number);
        }
    }
}
