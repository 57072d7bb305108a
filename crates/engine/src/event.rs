//! Events: each decision of an engine, with its time and its reason, for logs, metrics and tests.
//!
//! The code that takes a decision tells it by [`Engine::event`]. Without an observer no event is
//! built. An observed engine takes no [fast path](crate::fast_path), so that each decision is told
//! at one place.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::action::Answer;
use crate::connection::{Phase, Return};
use crate::engine::Engine;
use crate::ids::{ConnectionId, HostId, RequestId, ShardId};
use crate::request::{FromCache, Reason, Stage};
use crate::room::Room;
use crate::time::Time;

/// One decision, for [`Engine::poll_event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The time of the input that led to it. [`Engine::take`] has no time, so its event has the
    /// time of the input before.
    pub at: Time,
    /// The host of the request or connection.
    pub host: HostId,
    /// The decision, with its reason and the records that it concerns.
    pub decision: Decision,
}

/// A decision of an engine.
///
/// The events of one request begin with [`Asked`](Self::Asked), and end with
/// [`Returned`](Self::Returned), [`Refused`](Self::Refused) or [`Forgotten`](Self::Forgotten). Those
/// of one connection begin with [`AttemptStarted`](Self::AttemptStarted), and end with
/// [`AttemptFailed`](Self::AttemptFailed) or [`Closed`](Self::Closed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// A request has come.
    Asked {
        /// The request.
        request: RequestId,
    },
    /// A request waits at the end of an input in which its wait began, or entered another stage.
    Waits {
        /// The request.
        request: RequestId,
        /// The thing that it waits for.
        reason: Reason,
        /// Its own attempt, if it has one.
        attempt: Option<ConnectionId>,
    },
    /// A request is answered with a connection, which its user has yet to take.
    Assigned {
        /// The request.
        request: RequestId,
        /// Its connection.
        connection: ConnectionId,
        /// How a reused connection came to the request; `None` if it is new.
        from_cache: Option<FromCache>,
        /// How long the connection has been idle; zero if it carries other leases.
        idle_for: Duration,
    },
    /// A request is withdrawn before its user took the connection, which counts as unused by it.
    Unassigned {
        /// The request.
        request: RequestId,
        /// The connection, which goes to another request or is idle again.
        connection: ConnectionId,
    },
    /// The user of a request has taken the connection.
    Taken {
        /// The request.
        request: RequestId,
        /// Its connection.
        connection: ConnectionId,
    },
    /// The connection of a request has ended before its user got it. The request waits again, or
    /// is refused.
    Rejected {
        /// The request.
        request: RequestId,
        /// The connection, whether the request had taken it or not.
        connection: ConnectionId,
    },
    /// A user has given a connection back.
    Returned {
        /// The request that had taken it.
        request: RequestId,
        /// The connection.
        connection: ConnectionId,
        /// Whether it may serve another request.
        how: Return,
    },
    /// A request is answered without a connection.
    Refused {
        /// The request.
        request: RequestId,
        /// The answer, which has the reason.
        answer: Answer,
    },
    /// The caller of a request has dropped it before an answer, or before it took the connection.
    Forgotten {
        /// The request.
        request: RequestId,
    },
    /// An attempt begins.
    AttemptStarted {
        /// The connection to be.
        connection: ConnectionId,
        /// The request that it is started for.
        request: RequestId,
    },
    /// An attempt has entered a phase.
    AttemptProgressed {
        /// The connection to be.
        connection: ConnectionId,
        /// The phase.
        phase: Phase,
    },
    /// The owner of an attempt has gone.
    AttemptLeft {
        /// The connection to be.
        connection: ConnectionId,
    },
    /// An attempt without owner gets another.
    AttemptAdopted {
        /// The connection to be.
        connection: ConnectionId,
        /// Its owner from now on.
        request: RequestId,
    },
    /// An attempt without owner is withdrawn.
    AttemptWithdrawn {
        /// The connection that is not to be.
        connection: ConnectionId,
        /// The reason.
        why: EndReason,
    },
    /// An attempt has failed, and nothing of it is left.
    AttemptFailed {
        /// The connection that was to be.
        connection: ConnectionId,
        /// Its owner, which is refused with it.
        request: Option<RequestId>,
    },
    /// An attempt has opened a connection.
    Opened {
        /// The connection.
        connection: ConnectionId,
    },
    /// A withdrawn attempt has opened a connection all the same. It closes.
    OpenedLate {
        /// The connection.
        connection: ConnectionId,
    },
    /// A connection serves its host again, although an older request of another host waits for
    /// room (L2).
    Overtook {
        /// The connection.
        connection: ConnectionId,
    },
    /// A connection takes no further lease.
    Retired {
        /// The connection.
        connection: ConnectionId,
        /// The reason.
        why: EndReason,
    },
    /// A retired connection without leases begins to close.
    Closing {
        /// The connection.
        connection: ConnectionId,
    },
    /// A close, or the end of a withdrawn attempt, takes too long; the driver drops it.
    Abandoned {
        /// The connection.
        connection: ConnectionId,
    },
    /// Nothing of a connection is left, and its permit is free.
    Closed {
        /// The connection.
        connection: ConnectionId,
    },
}

/// Why a connection takes no further lease, or an attempt is withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// It makes room for this host, whose request waits for room (L4).
    MakesRoom {
        /// The shard of the host.
        shard: ShardId,
        /// The host.
        host: HostId,
    },
    /// The driver needs its file descriptor.
    FreesDescriptor,
    /// It has been idle for `keep_alive`.
    KeepAlive,
    /// It has served, and `keep_alive` is zero.
    NotKept,
    /// It has reached `max_lifetime`.
    Lifetime,
    /// It has had `max_uses` leases.
    Uses,
    /// Its peer has closed it, or sent data that no request asked for.
    Peer,
    /// Its user has closed it.
    User,
    /// It turned out to be dead when its user was to get it.
    Rejected,
    /// The driver has retired it.
    Driver,
    /// No request needs it.
    Unneeded,
    /// No request needs it, and it has taken too long.
    TooLate,
    /// The manager is shut down.
    ShutDown,
    /// The runtime that ran the attempts has gone.
    Abandoned,
}

/// The events of an engine that is observed.
#[derive(Debug, Default)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    /// The slots of requests whose wait has begun, or entered another stage, in this input.
    waits: BTreeSet<u32>,
}

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// Begins to keep each decision as an event, or ends that and drops the events. At first, none
    /// is kept.
    ///
    /// The driver then drains [`poll_event`](Self::poll_event) after each input. Actions are the
    /// same as without, but [`lease`](Self::lease) and [`forget_parked`](Self::forget_parked) return
    /// `None`.
    pub fn observe(&mut self, observe: bool) {
        self.events = observe.then(Box::default);
        self.is_general = observe || self.shut_down;
    }

    /// The next event, in the order of the decisions. Each event that has an action is in the place
    /// of that action.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.as_mut()?.queue.pop_front()
    }

    /// Tells a decision about a host.
    #[inline]
    pub(crate) fn event(&mut self, host: u32, decision: impl FnOnce(&Self) -> Decision) {
        if self.events.is_some() {
            self.tell_event(host, decision);
        }
    }

    /// The event is built here, out of the way of the code that decides.
    #[cold]
    #[inline(never)]
    fn tell_event(&mut self, host: u32, decision: impl FnOnce(&Self) -> Decision) {
        let event = Event {
            at: self.now.unwrap_or(Time::START),
            host: self.hosts.id(host),
            decision: decision(self),
        };
        if let Some(events) = &mut self.events {
            events.queue.push_back(event);
        }
    }

    /// Has the wait of a request told at the end of this input, when its reason is certain.
    #[inline]
    pub(crate) fn note_wait(&mut self, request: u32) {
        if let Some(events) = &mut self.events {
            events.waits.insert(request);
            self.unsettled = true;
        }
    }

    /// Tells the waits that have been noted, of requests that still wait.
    pub(crate) fn tell_waits(&mut self, now: Time, room: &mut impl Room) {
        let Some(events) = &mut self.events else {
            return;
        };
        for slot in std::mem::take(&mut events.waits) {
            let request = self.requests.get(slot);
            let Some(request) = request.filter(|request| request.waits()) else {
                continue;
            };
            let (host, stage) = (request.host, request.stage);
            let reason = self.waiting_of(now, room, slot).reason;
            self.event(host, |engine| Decision::Waits {
                request: engine.request_id(slot),
                reason,
                attempt: match stage {
                    Stage::Attended(attempt) => Some(engine.connection_id(attempt)),
                    _ => None,
                },
            });
        }
    }

    /// Tells that the user of a request takes its connection now, if it has one. It stands apart from
    /// [`take`](Self::take), which each request passes through.
    #[cold]
    pub(crate) fn tell_taken(&mut self, request: RequestId) {
        if let Some(slot) = self.find_request(request)
            && let Stage::Assigned(connection, _) = self.requests[slot].stage
        {
            self.event(self.requests[slot].host, |engine| Decision::Taken {
                request,
                connection: engine.connection_id(connection),
            });
        }
    }

    /// Tells that a connection takes no further lease, unless that has been told.
    pub(crate) fn tell_retired(&mut self, slot: u32, why: EndReason) {
        if !self.connections[slot].is_retiring() {
            self.event(self.connections[slot].host, |engine| Decision::Retired {
                connection: engine.connection_id(slot),
                why,
            });
        }
    }

    /// The reason to close a connection, or withdraw an attempt, for a claim.
    pub(crate) fn making_room(&self, room: &mut impl Room) -> EndReason {
        // The reason matters to an observer alone.
        let observed = self.events.is_some();
        match observed.then(|| room.budget().first_in_need()).flatten() {
            Some((shard, host)) => EndReason::MakesRoom { shard, host },
            None => EndReason::Unneeded,
        }
    }
}
