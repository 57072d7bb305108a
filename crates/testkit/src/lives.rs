//! Follows the events of one engine (W5).
//!
//! Each request and each connection must live a legal life. The actions and the figures that follow
//! from the events must be the engine's own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use keepalive_engine::{
    Action, Answer, ConnectionId, Counts, Decision, EndReason, Engine, Event, FromCache, HostId,
    LocalRoom, Reason, RequestId, Time,
};

/// All that the events of an engine have told.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    at: Option<Time>,
    requests: BTreeMap<RequestId, Request>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// The counters; the other figures are counted anew.
    counts: Counts,
    pub overtakes: u64,
    /// The actions that must come next.
    actions: VecDeque<String>,
    /// The requests whose waits the present input has told.
    fresh: BTreeSet<RequestId>,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    host: HostId,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// It has come, or has lost its connection.
    New,
    Waits(Reason, Option<ConnectionId>),
    Assigned(ConnectionId, Option<FromCache>),
    Taken(ConnectionId, Option<FromCache>),
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    host: HostId,
    state: State,
    leases: usize,
    /// When its last lease ended.
    idle_since: Time,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Attempt { left: bool },
    Withdrawn,
    Open,
    Retired,
    Closing,
    Abandoned,
}

impl Lives {
    /// Reads the events of an input, and compares them with the engine.
    ///
    /// # Panics
    ///
    /// If they do not match.
    pub fn follow(&mut self, engine: &mut Engine<u32>, room: &mut LocalRoom) -> Vec<Event> {
        assert_eq!(self.actions, [""; 0], "W5: events without their actions");
        self.fresh.clear();
        let events: Vec<Event> = std::iter::from_fn(|| engine.poll_event()).collect();
        for event in &events {
            self.read(event);
            self.actions
                .extend(action(event).map(|it| format!("{it:?}")));
        }
        self.compare(engine, room);
        events
    }

    /// An engine has asked for an action: the event of it came before.
    pub fn act(&mut self, action: &Action) {
        if !matches!(action, Action::Send(..)) {
            let told = self.actions.pop_front();
            assert_eq!(told, Some(format!("{action:?}")), "W5: the event's action");
        }
    }

    /// Checks that all have reached their ends.
    pub fn check_ended(&self) {
        assert!(self.requests.is_empty(), "W5: {:?}", self.requests);
        assert!(self.connections.is_empty(), "W5: {:?}", self.connections);
    }

    fn read(&mut self, event: &Event) {
        assert!(self.at <= Some(event.at), "W5: time goes back: {event:?}");
        self.at = Some(event.at);
        match event.decision {
            Decision::Asked { request } => {
                let (host, stage) = (event.host, Stage::New);
                let before = self.requests.insert(request, Request { host, stage });
                assert!(before.is_none(), "W5: asked twice: {event:?}");
            }
            Decision::Waits {
                request,
                reason,
                attempt,
            } => {
                if let Some(attempt) = attempt {
                    let state = self.connection(event, attempt).state;
                    assert_eq!(state, State::Attempt { left: false }, "W5: {event:?}");
                }
                self.pending(event, request).stage = Stage::Waits(reason, attempt);
                self.fresh.insert(request);
            }
            Decision::Assigned {
                request,
                connection,
                from_cache,
                idle_for,
            } => {
                let its = self.connection(event, connection);
                let idle = match its.leases {
                    0 => event.at.saturating_duration_since(its.idle_since),
                    _ => Duration::ZERO,
                };
                assert_eq!((its.state, idle_for), (State::Open, idle), "W5: {event:?}");
                its.leases += 1;
                let request = self.pending(event, request);
                let waited = matches!(request.stage, Stage::Waits(..));
                let at_once = from_cache == Some(FromCache::Immediate);
                assert!(waited != at_once, "W5, R8: {:?}, {event:?}", request.stage);
                request.stage = Stage::Assigned(connection, from_cache);
            }
            Decision::Taken {
                request,
                connection,
            } => {
                let from_cache = self.unassign(event, request, connection);
                self.request(event, request).stage = Stage::Taken(connection, from_cache);
                if let Some(reuses) = self.reuses(from_cache) {
                    *reuses += 1;
                }
            }
            Decision::Unassigned {
                request,
                connection,
            } => {
                self.unassign(event, request, connection);
                self.end_lease(event, connection);
            }
            Decision::Rejected {
                request,
                connection,
            } => {
                if let Stage::Assigned(..) = self.request(event, request).stage {
                    self.unassign(event, request, connection);
                } else {
                    let from_cache = self.take_back(event, request, connection);
                    if let Some(reuses) = self.reuses(from_cache) {
                        *reuses -= 1;
                    }
                }
                self.end_lease(event, connection);
                self.counts.closed_by_peer += 1;
            }
            Decision::Returned {
                request,
                connection,
                ..
            } => {
                self.take_back(event, request, connection);
                self.end_lease(event, connection);
                self.requests.remove(&request);
            }
            Decision::Refused { request, answer } => {
                self.pending(event, request);
                self.requests.remove(&request);
                match answer {
                    Answer::Failed => self.counts.failed += 1,
                    Answer::TimedOut(_) => self.counts.timed_out += 1,
                    Answer::QueueFull { .. } => self.counts.refused += 1,
                    Answer::Cancelled => self.counts.cancelled += 1,
                    Answer::ShutDown | Answer::Abandoned => {}
                    Answer::Connection(_) => panic!("W5: no refusal: {event:?}"),
                }
            }
            Decision::Forgotten { request } => {
                self.pending(event, request);
                self.requests.remove(&request);
                self.counts.cancelled += 1;
            }
            decision => self.read_connection(event, decision),
        }
    }

    /// Reads an event of a connection or an attempt.
    fn read_connection(&mut self, event: &Event, decision: Decision) {
        match decision {
            Decision::AttemptStarted {
                connection,
                request,
            } => {
                self.pending(event, request);
                let new = Connection {
                    host: event.host,
                    state: State::Attempt { left: false },
                    leases: 0,
                    idle_since: event.at,
                };
                let before = self.connections.insert(connection, new);
                assert!(before.is_none(), "W5: it starts twice: {event:?}");
            }
            Decision::AttemptProgressed { connection, .. } => {
                let state = self.connection(event, connection).state;
                assert!(matches!(state, State::Attempt { .. }), "W5: {event:?}");
            }
            Decision::AttemptLeft { connection } => {
                let owned = State::Attempt { left: false };
                self.move_on(event, connection, &[owned], State::Attempt { left: true });
            }
            Decision::AttemptAdopted {
                connection,
                request,
            } => {
                self.pending(event, request);
                let left = State::Attempt { left: true };
                self.move_on(event, connection, &[left], State::Attempt { left: false });
            }
            Decision::AttemptWithdrawn { connection, .. } => {
                let left = State::Attempt { left: true };
                self.move_on(event, connection, &[left], State::Withdrawn);
            }
            Decision::AttemptFailed {
                connection,
                request,
            } => {
                let left = request.is_none();
                self.end(event, connection, &[State::Attempt { left }]);
                if let Some(request) = request {
                    self.pending(event, request);
                }
            }
            Decision::Opened { connection } => {
                let attempt = [true, false].map(|left| State::Attempt { left });
                self.move_on(event, connection, &attempt, State::Open);
                self.connection(event, connection).idle_since = event.at;
                self.counts.opened += 1;
            }
            Decision::OpenedLate { connection } => {
                self.move_on(event, connection, &[State::Withdrawn], State::Closing);
            }
            Decision::Overtook { connection } => {
                assert_eq!(self.connection(event, connection).state, State::Open, "W5");
                self.overtakes += 1;
            }
            Decision::Retired { connection, why } => {
                self.move_on(event, connection, &[State::Open], State::Retired);
                let idle = self.connection(event, connection).leases == 0;
                match why {
                    EndReason::MakesRoom { .. } | EndReason::FreesDescriptor => {
                        self.counts.evicted += 1;
                    }
                    EndReason::KeepAlive => self.counts.expired += 1,
                    EndReason::Lifetime => self.counts.expired += u64::from(idle),
                    EndReason::Peer => self.counts.closed_by_peer += u64::from(idle),
                    _ => {}
                }
            }
            Decision::Closing { connection } => {
                self.move_on(event, connection, &[State::Retired], State::Closing);
                assert_eq!(
                    self.connection(event, connection).leases,
                    0,
                    "W5: {event:?}"
                );
            }
            Decision::Abandoned { connection } => {
                self.move_on(event, connection, &[State::Closing], State::Abandoned);
            }
            Decision::Closed { connection } => {
                assert_eq!(
                    self.connection(event, connection).leases,
                    0,
                    "W5: {event:?}"
                );
                let ends = [
                    State::Withdrawn,
                    State::Retired,
                    State::Closing,
                    State::Abandoned,
                ];
                self.end(event, connection, &ends);
            }
            other => panic!("W5: {other:?} is new here"),
        }
    }

    /// Compares the figures, and the reasons of all waits, with the engine's.
    fn compare(&self, engine: &Engine<u32>, room: &mut LocalRoom) {
        let own = engine.totals();
        assert_eq!(self.figures(), own, "W5: figures by events, the engine's");
        let mut owned = BTreeSet::new();
        for (&id, request) in &self.requests {
            let waiting = engine.waiting(Time::START, room, id);
            let own = waiting.map(|waiting| waiting.reason());
            match request.stage {
                Stage::New => panic!("W5: nothing tells that {id} waits"),
                Stage::Waits(reason, attempt) => {
                    let known = attempt.is_some() || self.fresh.contains(&id);
                    assert!(!known || own == Some(reason), "W5: {reason:?} and {own:?}");
                    assert_eq!(attempt.is_none(), engine.is_queued(id), "W5: {id}");
                    owned.extend(attempt);
                }
                Stage::Assigned(..) | Stage::Taken(..) => assert_eq!(own, None, "W5: {id}"),
            }
        }
        let is_owned = |connection: &Connection| connection.state == State::Attempt { left: false };
        let attempts = self.connections.iter();
        let attempts = attempts.filter(|(_, connection)| is_owned(connection));
        let attempts: BTreeSet<_> = attempts.map(|(&id, _)| id).collect();
        assert_eq!(owned, attempts, "W5: each attempt has its owner");
    }

    fn figures(&self) -> Counts {
        let mut counts = self.counts;
        for connection in self.connections.values() {
            counts.open += 1;
            *match connection.state {
                State::Attempt { .. } => &mut counts.connecting,
                State::Open | State::Retired if connection.leases > 0 => &mut counts.leased,
                State::Open | State::Retired => &mut counts.idle,
                State::Withdrawn | State::Closing | State::Abandoned => &mut counts.closing,
            } += 1;
        }
        let requests = self.requests.values();
        let waiting = requests.filter(|it| matches!(it.stage, Stage::New | Stage::Waits(..)));
        counts.waiting = waiting.count();
        counts
    }

    fn reuses(&mut self, from_cache: Option<FromCache>) -> Option<&mut u64> {
        match from_cache? {
            FromCache::Immediate => Some(&mut self.counts.reused_immediate),
            FromCache::Deferred => Some(&mut self.counts.reused_deferred),
        }
    }

    fn request(&mut self, event: &Event, id: RequestId) -> &mut Request {
        let request = self.requests.get_mut(&id);
        let request = request.unwrap_or_else(|| panic!("W5: not asked, or ended: {event:?}"));
        assert_eq!(request.host, event.host, "W5: another host: {event:?}");
        request
    }

    /// A request that has neither a connection nor an answer.
    fn pending(&mut self, event: &Event, id: RequestId) -> &mut Request {
        let request = self.request(event, id);
        let pending = matches!(request.stage, Stage::New | Stage::Waits(..));
        assert!(pending, "W5: {:?}, {event:?}", request.stage);
        request
    }

    fn unassign(&mut self, event: &Event, id: RequestId, of: ConnectionId) -> Option<FromCache> {
        let request = self.request(event, id);
        match std::mem::replace(&mut request.stage, Stage::New) {
            Stage::Assigned(connection, from_cache) if connection == of => from_cache,
            stage => panic!("W5: {stage:?}, {event:?}"),
        }
    }

    fn take_back(&mut self, event: &Event, id: RequestId, of: ConnectionId) -> Option<FromCache> {
        let request = self.request(event, id);
        match std::mem::replace(&mut request.stage, Stage::New) {
            Stage::Taken(connection, from_cache) if connection == of => from_cache,
            stage => panic!("W5: {stage:?}, {event:?}"),
        }
    }

    fn connection(&mut self, event: &Event, id: ConnectionId) -> &mut Connection {
        let connection = self.connections.get_mut(&id);
        let connection =
            connection.unwrap_or_else(|| panic!("W5: no attempt, or ended: {event:?}"));
        assert_eq!(connection.host, event.host, "W5: another host: {event:?}");
        connection
    }

    fn end_lease(&mut self, event: &Event, id: ConnectionId) {
        let connection = self.connection(event, id);
        connection.leases -= 1;
        connection.idle_since = event.at;
    }

    fn move_on(&mut self, event: &Event, id: ConnectionId, from: &[State], to: State) {
        let connection = self.connection(event, id);
        let state = std::mem::replace(&mut connection.state, to);
        assert!(from.contains(&state), "W5: {state:?}, {event:?}");
    }

    fn end(&mut self, event: &Event, id: ConnectionId, from: &[State]) {
        let state = self.connection(event, id).state;
        assert!(from.contains(&state), "W5: {state:?}, {event:?}");
        self.connections.remove(&id);
    }
}

/// The action that follows from an event.
fn action(event: &Event) -> Option<Action> {
    Some(match event.decision {
        Decision::Assigned {
            request,
            connection,
            ..
        } => Action::Answer(request, Answer::Connection(connection)),
        Decision::Refused { request, answer } => Action::Answer(request, answer),
        Decision::AttemptStarted { connection, .. } => Action::Connect(connection, event.host),
        Decision::AttemptWithdrawn { connection, .. } => Action::Cancel(connection),
        Decision::Closing { connection } => Action::Close(connection),
        Decision::Abandoned { connection } => Action::Abandon(connection),
        _ => return None,
    })
}
