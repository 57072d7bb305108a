//! A record of a driver's connections, kept apart from the engine, that judges the engine's
//! actions.

use std::collections::BTreeMap;
use std::time::Duration;

use keepalive_engine::{Capacity, ConnectionId, Return, Time};

/// All connections that have a slot, as the engine's actions report them.
#[derive(Clone, Default)]
pub struct Books {
    pages: BTreeMap<(usize, ConnectionId), Page>,
}

#[derive(Clone)]
struct Page {
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

impl Page {
    fn carry(&mut self, capacity: Capacity) {
        (self.capacity, self.provisional) = match capacity {
            Capacity::One => (1, false),
            Capacity::Shared(leases) => (leases, leases == 0),
            Capacity::Provisional(leases) => (leases, true),
        };
    }
}

impl Books {
    /// Connections that have a slot.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Attempts that have not reported their end, including withdrawn ones.
    pub fn under_way(&self) -> usize {
        let stages = self.pages.values().map(|page| page.stage);
        let under_way = |stage: &Stage| matches!(stage, Stage::Opening | Stage::Withdrawn(None));
        stages.filter(under_way).count()
    }

    /// Connections that are being closed, and attempts that were withdrawn.
    pub fn leaving(&self) -> usize {
        let stages = self.pages.values().map(|page| page.stage);
        let closing = |stage: &Stage| !matches!(stage, Stage::Opening | Stage::Open);
        stages.filter(closing).count()
    }

    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub fn begun(&mut self, shard: usize, id: ConnectionId, host: u32) {
        let page = Page {
            host,
            stage: Stage::Opening,
            capacity: 1,
            provisional: false,
            leases: 0,
            lent: false,
            spoiled: false,
        };
        let known = self.pages.insert((shard, id), page);
        assert!(known.is_none(), "I6: {id:?} is begun twice");
    }

    pub fn opened(&mut self, shard: usize, id: ConnectionId, capacity: Capacity) {
        let page = self.page(shard, id);
        assert_eq!(page.stage, Stage::Opening);
        page.stage = Stage::Open;
        page.carry(capacity);
        page.capacity = page.capacity.max(1);
    }

    pub fn can_carry(&mut self, shard: usize, id: ConnectionId, capacity: Capacity) {
        self.page(shard, id).carry(capacity);
    }

    /// The connections that are open.
    pub fn open(&self) -> Vec<(usize, ConnectionId)> {
        let pages = self.pages.iter();
        let open = pages.filter(|(_, page)| page.stage == Stage::Open);
        open.map(|(&name, _)| name).collect()
    }

    /// Whether the number of leases that a connection carries is not known yet.
    pub fn is_provisional(&self, shard: usize, id: ConnectionId) -> bool {
        let page = self.pages.get(&(shard, id));
        page.is_some_and(|page| page.stage == Stage::Open && page.provisional)
    }

    /// A request is answered with the connection. Returns whether the request is the first.
    pub fn lent(&mut self, shard: usize, id: ConnectionId, host: u32) -> bool {
        let page = self.page(shard, id);
        assert_eq!(page.stage, Stage::Open, "I6: what is handed out is open");
        assert_eq!(page.host, host, "I6: a connection serves its own host");
        assert!(!page.spoiled, "I6: what has ended serves nobody");
        page.leases += 1;
        assert!(page.leases <= page.capacity, "I7: a lease has one holder");
        !std::mem::replace(&mut page.lent, true)
    }

    pub fn returned(&mut self, shard: usize, id: ConnectionId, how: Return) {
        let page = self.page(shard, id);
        page.leases -= 1;
        page.spoiled |= how != Return::Reuse;
        if how == Return::Closed && page.leases == 0 {
            self.gone(shard, id);
        }
    }

    /// The peer has closed it. The engine may have forgotten it.
    pub fn spoiled(&mut self, shard: usize, id: ConnectionId) {
        if let Some(page) = self.pages.get_mut(&(shard, id)) {
            page.spoiled = true;
        }
    }

    pub fn cancelled(&mut self, shard: usize, id: ConnectionId) {
        let page = self.page(shard, id);
        assert_eq!(page.stage, Stage::Opening, "an attempt is withdrawn once");
        page.stage = Stage::Withdrawn(None);
    }

    /// Whether it is an attempt that was withdrawn and has not reported yet.
    pub fn is_withdrawn(&self, shard: usize, id: ConnectionId) -> bool {
        let page = self.pages.get(&(shard, id));
        page.is_some_and(|page| page.stage == Stage::Withdrawn(None))
    }

    /// Whether the attempt was withdrawn; if so, it closes like others from now on.
    pub fn withdrawn(&mut self, shard: usize, id: ConnectionId, now: Time) -> bool {
        let withdrawn = self.is_withdrawn(shard, id);
        if withdrawn {
            self.page(shard, id).stage = Stage::Withdrawn(Some(now));
        }
        withdrawn
    }

    pub fn closing(&mut self, shard: usize, id: ConnectionId, now: Time) {
        let page = self.page(shard, id);
        assert_eq!(page.stage, Stage::Open, "a connection is closed once");
        assert_eq!(page.leases, 0, "I7: nobody holds what is closed");
        page.stage = Stage::Closing(now);
    }

    pub fn abandoned(&mut self, shard: usize, id: ConnectionId) {
        let page = self.page(shard, id);
        let timed = matches!(page.stage, Stage::Closing(_) | Stage::Withdrawn(Some(_)));
        assert!(timed, "only what closes is given up: {:?}", page.stage);
        page.stage = Stage::Abandoned;
    }

    pub fn gone(&mut self, shard: usize, id: ConnectionId) {
        let page = self.pages.remove(&(shard, id)).expect("a known connection");
        assert_eq!(page.leases, 0);
    }

    /// The engine drops each connection whose closing takes too long (C8).
    pub fn check_closings(&self, now: Time, close_timeout: Duration) {
        for ((_, id), page) in &self.pages {
            if let Stage::Closing(since) | Stage::Withdrawn(Some(since)) = page.stage {
                let limit = since.checked_add(close_timeout);
                assert!(
                    limit.is_none_or(|at| now < at),
                    "C8: {id:?} closes for ever"
                );
            }
        }
    }

    fn page(&mut self, shard: usize, id: ConnectionId) -> &mut Page {
        let page = self.pages.get_mut(&(shard, id));
        page.unwrap_or_else(|| panic!("I3: {id:?} of shard {shard} is not in the books"))
    }
}
