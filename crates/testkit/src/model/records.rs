//! Inputs, outputs and records of the model.

use std::time::Duration;

use keepalive_engine::{Capacity, Counts, FromCache, Phase, Reason, Return, Timing};

/// One input to the manager. Requests and connections go by number, from zero, in the order in
/// which they were asked for and in which their attempts began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input {
    Request {
        host: usize,
        timeout: Option<Duration>,
        queue_timeout: Option<Duration>,
    },
    /// A request whose user takes its connection at once, if it is answered at once.
    Lease(usize),
    Take(usize),
    Release(usize, Return),
    Cancel(usize),
    Forget(usize),
    Reject(usize),
    Connected(usize, Capacity),
    Failed(usize),
    Progress(usize, Phase),
    Closed(usize),
    PeerClosed(usize),
    CapacityChanged(usize, Capacity),
    /// Time passes, and the manager gets a tick.
    Wait(Duration),
    /// Time passes, and the manager gets it with the next input.
    Pass(Duration),
    ShutDown,
    Abandon,
}

/// The result of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reply {
    Nothing,
    Cancelled(bool),
    Wanted(bool),
    Taken(Option<Taken>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taken {
    pub connection: Option<usize>,
    pub from_cache: Option<FromCache>,
    pub spent: Timing,
}

/// An action of the manager. The order of the variants is that of the comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    Connect(usize, usize),
    Answer(usize, Outcome),
    Cancel(usize),
    Close(usize),
    Abandon(usize),
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Connection(usize),
    Failed,
    TimedOut(Reason, Duration),
    QueueFull(usize),
    Cancelled,
    ShutDown,
    Abandoned,
}

/// Adds to the time of a request, in the queue or in a phase of an attempt.
pub(super) fn spend(spent: &mut Timing, phase: Option<Phase>, time: Duration) {
    *match phase {
        None => &mut spent.queued,
        Some(Phase::Resolve) => &mut spent.resolve,
        Some(Phase::Connect | Phase::Descriptor) => &mut spent.connect,
        Some(Phase::Proxy) => &mut spent.proxy,
        Some(_) => &mut spent.tls,
    } += time;
}

/// A deadline of a connection. At the same instant, the one set first is due first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline {
    pub(super) at: Duration,
    pub(super) set: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) number: usize,
    pub(super) host: usize,
    pub(super) stage: Stage,
    /// Its place in the order of arrival.
    pub(super) arrival: u64,
    /// The count of overtakes at its arrival, or when it began to wait for room in total.
    pub(super) overtakes_before: u64,
    /// Whether it has arrived again after its connection ended: it was admitted before.
    pub(super) again: bool,
    /// Whether a new connection ended before the request took it.
    pub(super) lost: bool,
    /// Its deadline.
    pub(super) until: Duration,
    /// When an attempt of its own must have begun at the latest; none once one has.
    pub(super) attempt_until: Option<Duration>,
    /// The deadline that is set now: of the answer, or of the attempt. At the same instant,
    /// deadlines of requests are due before those of connections, and in order of arrival.
    pub(super) deadline: Option<Duration>,
    /// When its present phase began.
    pub(super) since: Duration,
    pub(super) spent: Timing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    /// Waits behind its host's limit.
    Parked,
    /// Waits for room in total.
    Claimed,
    /// Waits, and owns an attempt.
    Attended(usize),
    Assigned(usize, Option<FromCache>),
    Refused,
    Held(usize, Option<FromCache>),
}

impl Request {
    pub(super) fn waits(&self) -> bool {
        self.is_unattended() || matches!(self.stage, Stage::Attended(_))
    }

    pub(super) fn is_unattended(&self) -> bool {
        matches!(self.stage, Stage::Parked | Stage::Claimed)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) number: usize,
    pub(super) host: usize,
    pub(super) state: State,
    pub(super) phase: Phase,
    /// The request that owns an attempt.
    pub(super) owner: Option<usize>,
    /// Since when an attempt has had no owner, as a place in the order of events.
    pub(super) orphaned: u64,
    pub(super) leases: usize,
    pub(super) capacity: usize,
    /// Whether it may come to carry more.
    pub(super) provisional: bool,
    pub(super) uses: u64,
    /// When it was last returned, opened, or came to have room, as a place in the order of events.
    pub(super) returned: u64,
    /// When it last became idle, as a place in the order of events.
    pub(super) idled: u64,
    pub(super) idle_since: Duration,
    pub(super) deadline: Option<Deadline>,
    /// Waiters served while an earlier request of another host waited.
    pub(super) run: u64,
    pub(super) retiring: bool,
    /// Whether a user has had it.
    pub(super) taken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Connecting,
    Open,
    /// An attempt that is being stopped.
    Withdrawn,
    Closing,
}

impl Connection {
    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Open && self.leases == 0
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.state, State::Withdrawn | State::Closing)
    }

    pub(super) fn is_orphan(&self) -> bool {
        self.state == State::Connecting && self.owner.is_none()
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    /// The figures that only grow. The others are counted when they are read.
    pub(super) since_start: Counts,
    /// The count of overtakes when the host was last held up.
    pub(super) overtakes_before: u64,
    /// Its own limit in place of `max_per_host`.
    pub(super) limit: Option<usize>,
    /// Whether its connections carry several leases, as far as is known.
    pub(super) shares: bool,
}
