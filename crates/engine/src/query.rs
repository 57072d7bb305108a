//! Queries of an engine.

use crate::connection::{Phase, State};
use crate::counters::Counts;
use crate::engine::Engine;
use crate::ids::{ConnectionId, HostId, RequestId};
use crate::request::{Reason, Stage, Timing, Waiting};
use crate::room::Room;
use crate::stats::WaitingTime;
use crate::time::Time;

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// Why a request waits; `None` if it does not.
    pub fn waiting(&self, now: Time, room: &mut impl Room, id: RequestId) -> Option<Waiting> {
        let slot = self.find_request(id)?;
        let now = self.now.map_or(now, |before| before.max(now));
        self.requests[slot]
            .waits()
            .then(|| self.waiting_of(now, room, slot))
    }

    /// The time of a request so far, by phase. `None` once its record has ended: an answer without
    /// connection was taken, or a connection was given back.
    pub fn timing(&self, id: RequestId) -> Option<Timing> {
        let slot = self.find_request(id)?;
        Some(self.requests[slot].spent().into())
    }

    /// Figures of all hosts together, including forgotten ones.
    pub fn totals(&self) -> Counts {
        self.hosts.counts()
    }

    /// Figures of each host that is in use or remembered.
    pub fn hosts(&self) -> impl Iterator<Item = (&K, Counts)> {
        self.hosts
            .iter()
            .map(|(_, host)| (&host.key, host.counts()))
    }

    /// Whether a request waits, and has no attempt of its own.
    pub fn is_queued(&self, id: RequestId) -> bool {
        self.find_request(id).is_some_and(|slot| {
            matches!(self.requests[slot].stage, Stage::Parked(_) | Stage::Claimed)
        })
    }

    /// The host with this hash and key, if it has a record.
    pub fn find_host(&self, hash: u64, key: &K) -> Option<HostId> {
        Some(self.hosts.id(self.hosts.find(hash, key)?))
    }

    /// The host of a request.
    pub fn host_of(&self, id: RequestId) -> Option<HostId> {
        let slot = self.find_request(id)?;
        Some(self.hosts.id(self.requests[slot].host))
    }

    /// Whether a host has a connection that a request could take at once.
    pub fn has_available(&self, hash: u64, key: &K) -> bool {
        let host = self.hosts.find(hash, key);
        host.is_some_and(|host| self.next_available(host).is_some())
    }

    /// The connection that a request for `host` would get now.
    #[cfg(feature = "check")]
    pub fn next_idle(&self, host: HostId) -> Option<ConnectionId> {
        let slot = self.next_available(host.slot)?;
        Some(self.connection_id(slot))
    }

    /// Whether a connection carries more than one lease.
    pub fn is_crowded(&self, id: ConnectionId) -> bool {
        self.find_connection(id)
            .is_some_and(|slot| self.connections[slot].leases > 1)
    }

    /// How long requests waited.
    pub fn waiting_time(&self) -> &WaitingTime {
        &self.waiting_time
    }

    /// The requests whose connections users hold, each with its host's key, the time of its answer,
    /// and the driver's data.
    pub fn held(&self) -> impl Iterator<Item = (RequestId, &K, Time, &D)> {
        self.requests
            .iter()
            .filter(|(_, request)| matches!(request.stage, Stage::Held(..)))
            .map(|(slot, request)| {
                let key = &self.hosts.at(request.host).key;
                (self.request_id(slot), key, request.since, &request.data)
            })
    }

    /// Whether a connection is open and has no lease.
    pub fn is_idle(&self, id: ConnectionId) -> bool {
        self.find_connection(id)
            .is_some_and(|slot| self.connections[slot].state == State::Idle)
    }

    /// Whether an attempt is still wanted.
    pub fn is_connecting(&self, id: ConnectionId) -> bool {
        self.find_connection(id)
            .is_some_and(|slot| self.connections[slot].state == State::Connecting)
    }

    pub(crate) fn waiting_of(&self, now: Time, room: &mut impl Room, slot: u32) -> Waiting {
        let request = &self.requests[slot];
        let reason = match request.stage {
            Stage::Attended(attempt) => match self.connections[attempt].phase {
                None | Some(Phase::Resolve) => Reason::Resolving,
                Some(Phase::Connect) => Reason::Connecting,
                Some(Phase::Proxy) => Reason::Tunnelling,
                Some(Phase::Tls) => Reason::Handshaking,
                Some(Phase::Descriptor) => Reason::Descriptor,
            },
            stage => self.reason_in_queue(room, request.host, stage.is_parked()),
        };
        Waiting {
            reason,
            elapsed: now.saturating_duration_since(request.since),
        }
    }

    fn reason_in_queue(&self, room: &mut impl Room, host: u32, parked: bool) -> Reason {
        let host = self.hosts.at(host);
        let in_use = host.counters.open() as usize;
        let max = host.limit(self.settings.max_per_host);
        let budget = room.budget();
        // A higher limit would open no other connection while a shared one may carry more.
        if parked && host.awaits_word() {
            Reason::PeerLimit
        } else if parked && host.awaits_capacity() {
            Reason::Sharing
        } else if in_use >= max {
            Reason::HostLimit { in_use, max }
        } else if budget.may_connect() {
            Reason::TotalLimit {
                open: budget.open(),
                max: self.settings.max_open,
            }
        } else {
            Reason::ConnectLimit {
                connecting: budget.connecting(),
                max: budget.max_connecting(),
            }
        }
    }
}
