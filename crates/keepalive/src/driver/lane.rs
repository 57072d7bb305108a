//! The lane of a host: connections that go from user to user without their shard's lock.

use std::collections::HashMap;
use std::panic::Location;

use keepalive_engine::{self as engine, FromCache, HostId, Seat, Terms, Time};

use crate::api::request::Request;
use crate::connect::Connector;
use crate::driver::answer::AnswerCell;
use crate::driver::common::CommonRoom;
use crate::driver::deferred::Work;
use crate::driver::live::Live;
use crate::driver::numbers::Numbers;
use crate::driver::shard::Shard;
use crate::driver::{Driver, ShardRef};
use crate::runtime::HashKey;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, Weak};

/// A lane behind a lock of its own, which is taken after a shard's.
///
/// The requests for a host keep a pointer to its lane.
pub(crate) struct Lane<C: Connector> {
    /// The manager.
    driver: u64,
    /// Whether it is open, by a look without the lock.
    looks_open: AtomicBool,
    state: Mutex<State<C>>,
}

struct State<C: Connector> {
    numbers: Numbers,
    /// The number of the runtime that delivers the events of the connections.
    generation: u64,
    lane: engine::Lane<Parked<C>, &'static Location<'static>>,
}

/// A connection in a lane. Its next user also needs the reference to the driver, so that a hit does not
/// count one.
pub(crate) type Parked<C> = (Box<Live<C>>, Arc<ShardRef<C>>);

/// A lane, and the reference that a connection takes into it.
pub(crate) type Entrance<C> = (Arc<Lane<C>>, Arc<ShardRef<C>>);

/// A connection in use.
pub(crate) struct Held<C: Connector> {
    pub(crate) live: Box<Live<C>>,
    pub(crate) shard_ref: Arc<ShardRef<C>>,
    /// The lane that the connection may pass into, with its place there if it came from there.
    pub(crate) lane: Option<(Arc<Lane<C>>, Seat)>,
}

/// The lanes of a shard.
pub(crate) struct Lanes<C: Connector> {
    /// They have to be called back before an input.
    open: Vec<Arc<Lane<C>>>,
    /// The lane of each host that has one.
    known: HashMap<HostId, Weak<Lane<C>>, HashKey>,
}

impl<C: Connector> Lane<C> {
    fn new(driver: &Driver<C>) -> Self {
        Self {
            driver: driver.number,
            looks_open: AtomicBool::new(false),
            state: Mutex::new(State {
                numbers: Numbers::default(),
                generation: 0,
                lane: engine::Lane::new(),
            }),
        }
    }

    /// Whether it belongs to this manager.
    #[inline]
    pub(crate) fn is_of(&self, driver: &Driver<C>) -> bool {
        self.driver == driver.number
    }

    /// Whether it is open, by a look that may be out of date at once.
    #[inline]
    pub(crate) fn looks_open(&self) -> bool {
        self.looks_open.load(Ordering::Relaxed)
    }

    /// Gives an idle connection to a new request, with its seat. Also returns whether the connection
    /// must be checked.
    #[inline]
    pub(crate) fn lend(
        &self,
        driver: &Driver<C>,
        request: &Request,
        location: &'static Location<'static>,
    ) -> Option<(Parked<C>, Seat, bool)> {
        if !self.looks_open() {
            return None;
        }
        let mut state = self.state.lock();
        let now = state.time(driver)?;
        let State { lane, numbers, .. } = &mut *state;
        let ask = || request.ask((), numbers.next());
        let (id, seat, (mut live, shard_ref)) = lane.lend(now, ask, location)?;
        drop(state);
        live.request = id;
        live.from_cache = Some(FromCache::Immediate);
        let is_doubtful = live.is_doubtful(now);
        Some(((live, shard_ref), seat, is_doubtful))
    }

    /// Takes back a connection that is watched. `Err` if its shard must see the return.
    #[inline]
    pub(crate) fn take_back(&self, seat: Seat, parked: Parked<C>) -> Result<(), Parked<C>> {
        let (mut live, shard_ref) = parked;
        if !self.looks_open() {
            return Err((live, shard_ref));
        }
        let mut state = self.state.lock();
        // An event that occurs from now on finds the lane called back.
        let Some(now) = state.time(&shard_ref.driver).filter(|_| !live.is_suspect()) else {
            return Err((live, shard_ref));
        };
        live.mark_seen(now);
        state.lane.take_back(now, seat, (live, shard_ref))
    }

    /// Takes in a connection that is lent out. Returns whether this opens the lane.
    fn take_in(
        &self,
        terms: Terms,
        location: &'static Location<'static>,
        parked: Parked<C>,
    ) -> bool {
        let mut state = self.state.lock();
        let opens = !state.lane.is_open();
        self.looks_open.store(true, Ordering::Relaxed);
        state.generation = parked.0.generation();
        state.lane.take_in(terms, location, parked);
        opens
    }
}

impl<C: Connector> State<C> {
    /// The time of an input, if the lane may handle it by itself.
    #[inline]
    fn time(&self, driver: &Driver<C>) -> Option<Time> {
        let alone = self.lane.is_open()
            && self.generation == driver.home.generation()
            && !driver.common.has_claims();
        alone.then(|| driver.now())
    }
}

impl<C: Connector> Lanes<C> {
    /// Whether no lane is open.
    #[inline]
    pub(crate) fn are_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// The lane of a host.
    pub(crate) fn of(&self, host: HostId) -> Option<Arc<Lane<C>>> {
        self.known.get(&host)?.upgrade()
    }

    /// The lane of a host; a new one if it has none.
    pub(crate) fn find_or_make(&mut self, driver: &Driver<C>, host: HostId) -> Arc<Lane<C>> {
        self.of(host).unwrap_or_else(|| {
            let lane = Arc::new(Lane::new(driver));
            self.know(host, &lane);
            lane
        })
    }

    fn know(&mut self, host: HostId, lane: &Arc<Lane<C>>) {
        if self.known.len() == self.known.capacity() {
            self.known.retain(|_, lane| lane.strong_count() > 0);
            // The next look at all of them comes after as many again.
            self.known.reserve(self.known.len() + 1);
        }
        self.known.insert(host, Arc::downgrade(lane));
    }
}

impl<C: Connector> Default for Lanes<C> {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            known: HashMap::default(),
        }
    }
}

impl<C: Connector> Shard<C> {
    /// Lets a connection that its user returns pass into the lane of its host. `Err` if the engine
    /// must see the return; all lanes must be called back then.
    pub(crate) fn lend_out(
        &mut self,
        now: Time,
        room: &mut CommonRoom<'_>,
        lane: Arc<Lane<C>>,
        parked: Parked<C>,
    ) -> Result<(), Parked<C>> {
        let (mut live, shard_ref) = parked;
        let (driver, generation) = (&shard_ref.driver, live.generation());
        let is_home = generation == driver.home.generation() && !self.is_past(generation);
        if !is_home || live.is_suspect() {
            return Err((live, shard_ref));
        }
        let Some(terms) = self.engine.lend_out(now, room, live.request) else {
            return Err((live, shard_ref));
        };
        if let Some(until) = terms.until
            && driver.wakeups.set_alarm(until)
        {
            self.left.push(Work::Ring);
        }
        let location = self.cell(live.request).location;
        live.mark_seen(now);
        let lane = self.lanes.of(terms.host).unwrap_or_else(|| {
            self.lanes.know(terms.host, &lane);
            lane
        });
        if lane.take_in(terms, location, (live, shard_ref)) {
            self.lanes.open.push(lane);
        }
        Ok(())
    }

    /// Takes an idle connection for a request from the lane of its host.
    pub(crate) fn lend(
        &self,
        driver: &Driver<C>,
        request: &Request,
        location: &'static Location<'static>,
    ) -> Option<(Held<C>, bool)> {
        let host = self
            .engine
            .find_host(request.hash_value(), request.host())?;
        let lane = self.lanes.of(host)?;
        let ((live, shard_ref), seat, is_doubtful) = lane.lend(driver, request, location)?;
        request.keep_lane(&lane);
        let lane = Some((lane, seat));
        let held = Held {
            live,
            shard_ref,
            lane,
        };
        Some((held, is_doubtful))
    }

    /// The lane of a request whose host has idle connections. The request keeps a pointer to it.
    pub(crate) fn lane_for(
        &mut self,
        driver: &Driver<C>,
        request: &Request,
    ) -> Option<Arc<Lane<C>>> {
        if request.lane(driver).is_some() {
            return request.kept_lane();
        }
        let host = self
            .engine
            .find_host(request.hash_value(), request.host())?;
        let lane = self.lanes.find_or_make(driver, host);
        request.keep_lane(&lane);
        Some(lane)
    }

    /// Calls all lanes back, so that the engine has seen all hits.
    #[inline]
    pub(crate) fn call_back(&mut self, now: Time, room: &mut CommonRoom<'_>) {
        if !self.lanes.are_closed() {
            self.call_back_open(now, room);
        }
    }

    fn call_back_open(&mut self, now: Time, room: &mut CommonRoom<'_>) {
        let mut returned = Vec::new();
        for lane in self.lanes.open.drain(..) {
            let mut state = lane.state.lock();
            lane.looks_open.store(false, Ordering::Relaxed);
            state.lane.call_back(&mut returned);
        }
        let returned = returned.into_iter().map(|returned| {
            let (parked, returned) = returned.split(AnswerCell::new);
            if let Some((live, _)) = parked {
                self.put(live);
            }
            returned
        });
        let returned = returned.collect();
        self.engine.catch_up(now, room, returned);
    }
}
