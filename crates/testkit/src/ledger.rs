//! The ledger of a world: every connection as the engine's actions report it, to judge the next
//! action.

use std::collections::BTreeMap;
use std::time::Duration;

use keepalive_engine::{Capacity, ConnectionId, Return, Time};

/// All connections that have a permit, as the engine's actions report them.
#[derive(Clone, Default)]
pub struct Ledger {
    entries: BTreeMap<(usize, ConnectionId), Entry>,
}

#[derive(Clone)]
struct Entry {
    host: u32,
    stage: Stage,
    capacity: usize,
    /// Whether its peer has not announced how many leases it carries, or allows none at present.
    provisional: bool,
    leases: usize,
    /// Whether it has been handed out.
    lent: bool,
    /// A user or the peer has ended it: it must serve no further request.
    spoiled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Opening,
    Open,
    /// Its attempt was withdrawn. If that reports a result all the same, it closes like others.
    Withdrawn(Option<Time>),
    Closing(Time),
    /// Its closing took too long, and the driver was ordered to drop it.
    Abandoned,
}

impl Entry {
    fn carry(&mut self, capacity: Capacity) {
        (self.capacity, self.provisional) = match capacity {
            Capacity::One => (1, false),
            Capacity::Shared(leases) => (leases.into(), leases == 0),
            Capacity::Provisional(leases) => (leases.into(), true),
        };
    }
}

impl Ledger {
    /// Connections that have a permit.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Attempts that have not reported their end, including withdrawn ones.
    pub fn under_way(&self) -> usize {
        let stages = self.entries.values().map(|entry| entry.stage);
        let under_way = |stage: &Stage| matches!(stage, Stage::Opening | Stage::Withdrawn(None));
        stages.filter(under_way).count()
    }

    /// Connections that are being closed, and attempts that were withdrawn.
    pub fn leaving(&self) -> usize {
        let stages = self.entries.values().map(|entry| entry.stage);
        let closing = |stage: &Stage| !matches!(stage, Stage::Opening | Stage::Open);
        stages.filter(closing).count()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn begun(&mut self, shard: usize, id: ConnectionId, host: u32) {
        let entry = Entry {
            host,
            stage: Stage::Opening,
            capacity: 1,
            provisional: false,
            leases: 0,
            lent: false,
            spoiled: false,
        };
        let known = self.entries.insert((shard, id), entry);
        assert!(known.is_none(), "I6: {id:?} is begun twice");
    }

    pub fn opened(&mut self, shard: usize, id: ConnectionId, capacity: Capacity) {
        let entry = self.entry(shard, id);
        assert_eq!(entry.stage, Stage::Opening);
        entry.stage = Stage::Open;
        entry.carry(capacity);
        entry.capacity = entry.capacity.max(1);
    }

    pub fn can_carry(&mut self, shard: usize, id: ConnectionId, capacity: Capacity) {
        self.entry(shard, id).carry(capacity);
    }

    /// The connections that are open.
    pub fn open(&self) -> Vec<(usize, ConnectionId)> {
        let entries = self.entries.iter();
        let open = entries.filter(|(_, entry)| entry.stage == Stage::Open);
        open.map(|(&name, _)| name).collect()
    }

    /// Whether the number of leases that a connection carries is not known yet.
    pub fn is_provisional(&self, shard: usize, id: ConnectionId) -> bool {
        let entry = self.entries.get(&(shard, id));
        entry.is_some_and(|entry| entry.stage == Stage::Open && entry.provisional)
    }

    /// The place among the open connections of the first whose number of leases is not known.
    pub fn first_provisional(&self) -> Option<usize> {
        let mut open = self.open().into_iter();
        open.position(|(shard, id)| self.is_provisional(shard, id))
    }

    /// A request is answered with the connection. Returns whether the request is the first.
    pub fn lent(&mut self, shard: usize, id: ConnectionId, host: u32) -> bool {
        let entry = self.entry(shard, id);
        assert_eq!(entry.stage, Stage::Open, "I6: what is handed out is open");
        assert_eq!(entry.host, host, "I6: a connection serves its own host");
        assert!(!entry.spoiled, "I6: what has ended serves nobody");
        entry.leases += 1;
        assert!(entry.leases <= entry.capacity, "I7: a lease has one holder");
        !std::mem::replace(&mut entry.lent, true)
    }

    pub fn returned(&mut self, shard: usize, id: ConnectionId, how: Return) {
        let entry = self.entry(shard, id);
        entry.leases -= 1;
        entry.spoiled |= how != Return::Reuse;
        if how == Return::Closed && entry.leases == 0 {
            self.gone(shard, id);
        }
    }

    /// The peer has closed it. The engine may have forgotten it.
    pub fn spoiled(&mut self, shard: usize, id: ConnectionId) {
        if let Some(entry) = self.entries.get_mut(&(shard, id)) {
            entry.spoiled = true;
        }
    }

    pub fn cancelled(&mut self, shard: usize, id: ConnectionId) {
        let entry = self.entry(shard, id);
        assert_eq!(entry.stage, Stage::Opening, "an attempt is withdrawn once");
        entry.stage = Stage::Withdrawn(None);
    }

    /// Whether it is an attempt that was withdrawn and has not reported yet.
    pub fn is_withdrawn(&self, shard: usize, id: ConnectionId) -> bool {
        let entry = self.entries.get(&(shard, id));
        entry.is_some_and(|entry| entry.stage == Stage::Withdrawn(None))
    }

    /// The hosts of the attempts that were withdrawn and have not reported yet, in order.
    pub fn withdrawn_hosts(&self) -> Vec<u32> {
        let entries = self.entries.values();
        let withdrawn = entries.filter(|entry| entry.stage == Stage::Withdrawn(None));
        let mut hosts: Vec<_> = withdrawn.map(|entry| entry.host).collect();
        hosts.sort_unstable();
        hosts
    }

    /// Whether the attempt was withdrawn; if so, it closes like others from now on.
    pub fn withdrawn(&mut self, shard: usize, id: ConnectionId, now: Time) -> bool {
        let withdrawn = self.is_withdrawn(shard, id);
        if withdrawn {
            self.entry(shard, id).stage = Stage::Withdrawn(Some(now));
        }
        withdrawn
    }

    pub fn closing(&mut self, shard: usize, id: ConnectionId, now: Time) {
        let entry = self.entry(shard, id);
        assert_eq!(entry.stage, Stage::Open, "a connection is closed once");
        assert_eq!(entry.leases, 0, "I7: nobody holds what is closed");
        entry.stage = Stage::Closing(now);
    }

    pub fn abandoned(&mut self, shard: usize, id: ConnectionId) {
        let entry = self.entry(shard, id);
        let timed = matches!(entry.stage, Stage::Closing(_) | Stage::Withdrawn(Some(_)));
        assert!(timed, "only what closes is given up: {:?}", entry.stage);
        entry.stage = Stage::Abandoned;
    }

    pub fn gone(&mut self, shard: usize, id: ConnectionId) {
        let entry = self
            .entries
            .remove(&(shard, id))
            .expect("a known connection");
        assert_eq!(entry.leases, 0);
    }

    /// The engine drops each connection whose closing takes too long (C8).
    pub fn check_closings(&self, now: Time, close_timeout: Duration) {
        for ((_, id), entry) in &self.entries {
            if let Stage::Closing(since) | Stage::Withdrawn(Some(since)) = entry.stage {
                let limit = since.checked_add(close_timeout);
                assert!(
                    limit.is_none_or(|at| now < at),
                    "C8: {id:?} closes for ever"
                );
            }
        }
    }

    fn entry(&mut self, shard: usize, id: ConnectionId) -> &mut Entry {
        let entry = self.entries.get_mut(&(shard, id));
        entry.unwrap_or_else(|| panic!("I3: {id:?} of shard {shard} is not in the ledger"))
    }
}
