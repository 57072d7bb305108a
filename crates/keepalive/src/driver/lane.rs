//! The lane of a host: connections that go from user to user without their shard's lock.

use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::task::Waker;

use keepalive_engine::{
    self as engine, FromCache, HostId, Place, RequestId, Room as _, Seat, Time,
};

use crate::api::request::Request;
use crate::connect::Connector;
use crate::driver::answer::{AnswerCell, Answered};
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
    /// The host, as the engine knows it since the lane was opened.
    host: Option<HostId>,
    /// The number of the runtime that delivers the events of the connections.
    generation: u64,
    lane: engine::Lane<Parked<C>, &'static Location<'static>, Waker>,
}

/// The outcome of a request in a lane.
pub(crate) enum Asked<C: Connector> {
    /// It has an idle connection. The last value tells whether the connection must be checked.
    Held(Parked<C>, Seat, bool),
    /// It waits, with this number.
    Waits(u64, Place),
}

/// The answer to a look at a request that waited in a lane.
pub(crate) enum Look<C: Connector> {
    Waits,
    /// Its connection, and whether that must be checked.
    Held(Parked<C>, Seat, bool),
    /// The lane was called back since, so the shard has the request.
    Elsewhere,
}

/// A connection in a lane. Its next user also needs the reference to the driver, so that a hit does not
/// count one.
pub(crate) type Parked<C> = (Box<Live<C>>, Arc<ShardRef<C>>);

/// A connection in use.
pub(crate) struct Held<C: Connector> {
    pub(crate) live: Box<Live<C>>,
    pub(crate) shard_ref: Arc<ShardRef<C>>,
    /// The lane that the connection may pass into, with its place there if it came from there.
    pub(crate) lane: Option<(Arc<Lane<C>>, Seat)>,
}

impl<C: Connector> Held<C> {
    /// A connection that a request has taken from a lane.
    pub(crate) fn from_lane(
        (live, shard_ref): Parked<C>,
        lane: Option<Arc<Lane<C>>>,
        seat: Seat,
    ) -> Self {
        Self {
            live,
            shard_ref,
            lane: lane.map(|lane| (lane, seat)),
        }
    }
}

/// The lanes of a shard.
pub(crate) struct Lanes<C: Connector> {
    /// They have to be called back before an input.
    open: Vec<Arc<Lane<C>>>,
    /// The lane of each host that has one.
    known: HashMap<HostId, Weak<Lane<C>>, HashKey>,
    /// The requests that waited in a lane when it was called back. Their futures know their numbers,
    /// and learn their ids from here.
    moved: HashSet<RequestId, HashKey>,
}

impl<C: Connector> Lane<C> {
    fn new(driver: &Driver<C>) -> Self {
        Self {
            driver: driver.number,
            looks_open: AtomicBool::new(false),
            state: Mutex::new(State {
                numbers: Numbers::default(),
                host: None,
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

    /// Gives a new request an idle connection, or makes it wait if it finds this lane again. `None` if
    /// its shard must see it.
    #[inline]
    pub(crate) fn ask(
        &self,
        driver: &Driver<C>,
        request: &Request,
        location: &'static Location<'static>,
        waker: &Waker,
    ) -> Option<Asked<C>> {
        if !self.looks_open() {
            return None;
        }
        // Read before the lock, which is held as briefly as possible.
        let now = driver.now();
        let mut state = self.state.lock();
        if !state.is_alone(driver) {
            return None;
        }
        let State { lane, numbers, .. } = &mut *state;
        if let Some((id, seat, parked)) =
            lane.lend(now, || request.ask((), numbers.next()), location)
        {
            drop(state);
            let (live, shard_ref) = parked;
            let (live, is_doubtful) = taken(live, id, FromCache::Immediate, now);
            return Some(Asked::Held((live, shard_ref), seat, is_doubtful));
        }
        if !self.takes(driver, request) {
            return None;
        }
        let (number, arrival) = (|| numbers.next(), || driver.common.arrival());
        let (number, place) = lane.park(now, number, arrival, location, || waker.clone())?;
        Some(Asked::Waits(number, place))
    }

    /// Whether a request may wait here: it has no timeouts of its own, and finds this lane again.
    fn takes(&self, driver: &Driver<C>, request: &Request) -> bool {
        let kept = request.lane(driver);
        !request.has_timeouts() && kept.is_some_and(|kept| std::ptr::eq(kept, self))
    }

    /// Takes the connection of a request that waited, or registers `waker` for it.
    pub(crate) fn look(&self, driver: &Driver<C>, place: Place, waker: &Waker) -> Look<C> {
        let mut state = self.state.lock();
        let renew = |known: &Waker| (!known.will_wake(waker)).then(|| waker.clone());
        let look = state.lane.look(place, renew);
        drop(state);
        match look {
            engine::Look::Waits(_replaced) => Look::Waits,
            engine::Look::Elsewhere => Look::Elsewhere,
            engine::Look::Taken(id, seat, (live, shard_ref)) => {
                let (live, is_doubtful) = taken(live, id, FromCache::Deferred, driver.now());
                Look::Held((live, shard_ref), seat, is_doubtful)
            }
        }
    }

    /// Withdraws a request that waited. Returns wakers to drop and to wake; `None` if its shard must
    /// see it.
    pub(crate) fn withdraw(&self, driver: &Driver<C>, place: Place) -> Option<[Option<Waker>; 2]> {
        let now = driver.now();
        let mut state = self.state.lock();
        if !state.is_alone(driver) {
            return None;
        }
        state.lane.withdraw(now, place)
    }

    /// How long the request that has a connection waited for it, in nanoseconds. `None` if the lane was
    /// called back since.
    pub(crate) fn queued(&self, seat: Seat) -> Option<u64> {
        self.state.lock().lane.queued(seat)
    }

    /// Takes back a connection that is watched. Returns a waker to wake; or the connection, if its
    /// shard must see the return.
    #[inline]
    pub(crate) fn take_back(
        &self,
        seat: Seat,
        parked: Parked<C>,
    ) -> Result<Option<Waker>, Parked<C>> {
        let (mut live, shard_ref) = parked;
        if !self.looks_open() {
            return Err((live, shard_ref));
        }
        let now = shard_ref.driver.now();
        live.mark_seen(now);
        let mut state = self.state.lock();
        // A seat of this round tells that no event was looked at since the connection left the lane. One
        // that occurred will be, and calls the lane back.
        if !state.is_alone(&shard_ref.driver) {
            return Err((live, shard_ref));
        }
        state.lane.take_back(now, seat, (live, shard_ref))
    }

    /// Whether the lane may be opened, or is open, for connections of the runtime with this number. The
    /// shard's lock is held.
    fn opens_for(&self, generation: u64) -> bool {
        let state = self.state.lock();
        !state.lane.is_open() || state.generation == generation
    }

    /// Changes the lane, which is open then. Returns whether this opened it.
    fn open<R>(
        &self,
        host: HostId,
        generation: u64,
        change: impl FnOnce(&mut State<C>) -> R,
    ) -> (bool, R) {
        let mut state = self.state.lock();
        let opens = !state.lane.is_open();
        self.looks_open.store(true, Ordering::Relaxed);
        state.host = Some(host);
        state.generation = generation;
        let result = change(&mut state);
        (opens, result)
    }
}

/// Completes a connection that a request takes. Also returns whether it must be checked.
#[inline]
fn taken<C: Connector>(
    mut live: Box<Live<C>>,
    id: RequestId,
    from_cache: FromCache,
    now: Time,
) -> (Box<Live<C>>, bool) {
    live.request = id;
    live.from_cache = Some(from_cache);
    let is_doubtful = live.is_doubtful(now);
    (live, is_doubtful)
}

impl<C: Connector> State<C> {
    /// Whether the lane may handle an input by itself, as far as the driver knows.
    #[inline]
    fn is_alone(&self, driver: &Driver<C>) -> bool {
        self.lane.is_open()
            && self.generation == driver.home.generation()
            && !driver.common.has_claims()
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

    /// The id of a request that waited in a lane which was called back since.
    pub(crate) fn moved(&mut self, request: RequestId) -> RequestId {
        let id = self.moved.take(&request).expect("it asks once");
        if self.moved.is_empty() {
            // The memory for a crowd is not needed any more.
            self.moved = HashSet::default();
        }
        id
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
            moved: HashSet::default(),
        }
    }
}

impl<C: Connector> Shard<C> {
    /// Lets a connection that its user returns pass into the lane of its host, or into this one if it
    /// has none. Returns a waker to wake; or the connection, if the engine must see the return.
    pub(crate) fn lend_out(
        &mut self,
        now: Time,
        room: &mut CommonRoom<'_>,
        lane: Option<Arc<Lane<C>>>,
        parked: Parked<C>,
    ) -> Result<Option<Waker>, Parked<C>> {
        let (mut live, shard_ref) = parked;
        let (driver, generation) = (&shard_ref.driver, live.generation());
        let is_home = generation == driver.home.generation() && !self.is_past(generation);
        if !is_home {
            return Err((live, shard_ref));
        }
        let host = self.engine.host_of(live.request);
        let known = host.and_then(|host| self.lanes.of(host));
        let open = known.clone().filter(|known| known.looks_open());
        let Some(lane) = lane.map(|lane| known.unwrap_or(lane)).or(open) else {
            return Err((live, shard_ref));
        };
        if !lane.opens_for(generation) {
            return Err((live, shard_ref));
        }
        let Some(terms) = self.engine.lend_out(now, room, live.request) else {
            return Err((live, shard_ref));
        };
        self.alarm(driver, terms.until);
        let location = self.cell(live.request).location;
        live.mark_seen(now);
        if self.lanes.of(terms.host).is_none() {
            self.lanes.know(terms.host, &lane);
        }
        let take_in = |state: &mut State<C>| state.lane.take_in(terms, location, (live, shard_ref));
        let (opens, woken) = lane.open(terms.host, generation, take_in);
        if opens {
            self.lanes.open.push(lane);
        }
        Ok(woken)
    }

    /// Lets requests whose host is at its limit wait in the lane of their host, beginning with this
    /// one. `None` if the engine must see the request.
    pub(crate) fn park(
        &mut self,
        driver: &Driver<C>,
        request: &Request,
        location: &'static Location<'static>,
        waker: &Waker,
        now: Time,
        room: &mut CommonRoom<'_>,
    ) -> Option<(Arc<Lane<C>>, Asked<C>)> {
        let generation = driver.home.generation();
        if self.is_past(generation) || room.oldest_claim().is_some() {
            return None;
        }
        let key = (request.hash_value(), request.host());
        let host = self.engine.find_host(key.0, key.1)?;
        let lane = self.lane_of(driver, request, host);
        if !lane.takes(driver, request) || !lane.opens_for(generation) {
            return None;
        }
        let (_, until) = self.engine.let_wait(now, room, key)?;
        self.alarm(driver, until);
        let let_wait = |state: &mut State<C>| state.lane.let_wait(now, until);
        let (opens, ()) = lane.open(host, generation, let_wait);
        if opens {
            self.lanes.open.push(Arc::clone(&lane));
        }
        let asked = lane.ask(driver, request, location, waker)?;
        Some((lane, asked))
    }

    fn alarm(&mut self, driver: &Driver<C>, at: Option<Time>) {
        if at.is_some_and(|at| driver.wakeups.set_alarm(at)) {
            self.left.push(Work::Ring);
        }
    }

    /// Takes an idle connection for a request from the lane of its host, or makes it wait there.
    pub(crate) fn ask_lane(
        &self,
        driver: &Driver<C>,
        request: &Request,
        location: &'static Location<'static>,
        waker: &Waker,
    ) -> Option<(Arc<Lane<C>>, Asked<C>)> {
        let host = self
            .engine
            .find_host(request.hash_value(), request.host())?;
        let lane = self.lanes.of(host)?;
        request.keep_lane(&lane);
        let asked = lane.ask(driver, request, location, waker)?;
        Some((lane, asked))
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
        Some(self.lane_of(driver, request, host))
    }

    fn lane_of(&mut self, driver: &Driver<C>, request: &Request, host: HostId) -> Arc<Lane<C>> {
        let known = self.lanes.of(host);
        let kept = || request.lane(driver).and_then(|_| request.kept_lane());
        let lane = known
            .or_else(kept)
            .unwrap_or_else(|| Arc::new(Lane::new(driver)));
        if self.lanes.of(host).is_none() {
            self.lanes.know(host, &lane);
        }
        request.keep_lane(&lane);
        lane
    }

    /// Calls all lanes back, so that the engine has seen all hits.
    #[inline]
    pub(crate) fn call_back(&mut self, now: Time, room: &mut CommonRoom<'_>) {
        if !self.lanes.are_closed() {
            self.call_back_open(now, room);
        }
    }

    fn call_back_open(&mut self, now: Time, room: &mut CommonRoom<'_>) {
        let mut lanes = Vec::with_capacity(self.lanes.open.len());
        for lane in std::mem::take(&mut self.lanes.open) {
            let mut state = lane.state.lock();
            lane.looks_open.store(false, Ordering::Relaxed);
            let returned = state.lane.call_back();
            let host = state.host.expect("it was opened for one");
            drop(state);
            let lent = |location, here| {
                let mut cell = AnswerCell::new(location);
                if let Some(((live, _), is_assigned)) = here {
                    let live: Box<Live<C>> = live;
                    if is_assigned {
                        cell.set(Answered::With(live.id()));
                    }
                    self.put(live);
                }
                cell
            };
            let waiting = |location, waker| {
                let mut cell = AnswerCell::new(location);
                cell.set(Answered::Wakes(waker));
                cell
            };
            lanes.push((host, returned.split(lent, waiting)));
        }
        let ids = self.engine.catch_up(now, room, lanes);
        self.lanes.moved.extend(ids);
    }
}
