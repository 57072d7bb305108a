//! A lane: connections of one host, and requests that wait for them, outside of their engine.
//!
//! While nothing is queued, claimed or due, a hit and its return change nothing but one connection
//! and one request. [`Engine::lend_out`] then lets a returned connection pass into a lane, and the
//! engine goes on as if its user still had it. While a host can have no further connection, its
//! requests wait in the lane too, behind those that wait in the engine ([`Engine::let_wait`]).
//!
//! Before any other input the driver calls the lanes back, and [`Engine::catch_up`] makes up for all
//! that they did. So an engine whose lanes have been called back equals one that saw every input.
//!
//! [`Engine::lend_out`]: crate::Engine::lend_out
//! [`Engine::let_wait`]: crate::Engine::let_wait
//! [`Engine::catch_up`]: crate::Engine::catch_up

use std::mem;

use smallvec::SmallVec;

use crate::arena::NIL;
use crate::ids::{HostId, RequestId, Ticket};
use crate::request::{Ask, FromCache};
use crate::stats::WaitingTime;
use crate::time::Time;

pub use returned::Returned;
pub(crate) use returned::{Lent, Waits};
use waiters::{Stage, Waiter, Waiters};

mod returned;
mod waiters;

/// Connections of one host, and requests that wait for them, outside of their engine.
///
/// A lane is a state machine like the engine. `T` is a connection, `D` the data about a request, and
/// `W` wakes a request that waits. It is closed at first, and each [`call_back`](Self::call_back)
/// closes it.
#[derive(Clone, Debug)]
pub struct Lane<T, D, W> {
    /// Counts the times that the lane was called back, so that no seat and no place outlives one.
    round: u32,
    is_open: bool,
    /// Whether requests may wait: their host can have no further connection.
    is_full: bool,
    /// From this time on, the engine must see each input.
    until: Option<Time>,
    /// The latest time that the lane has seen.
    now: Time,
    entries: SmallVec<[Entry<T, D>; 1]>,
    /// The connection returned last; the others follow by [`Entry::below`].
    top: u32,
    waiters: Waiters<D, W>,
    tally: Tally,
}

/// The seat of a connection in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    round: u32,
    index: u32,
}

impl Seat {
    /// A seat in no lane.
    pub const NONE: Self = Self {
        round: 0,
        index: NIL,
    };
}

/// The place of a request that waits in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    round: u32,
    index: u32,
}

/// A connection that the engine has lent out.
#[derive(Clone, Debug)]
struct Entry<T, D> {
    /// The number by which the engine knows the request of this connection.
    known: u64,
    request: RequestId,
    ask: Ask<()>,
    from_cache: FromCache,
    /// Whether the request waited, and has not taken the connection yet.
    is_assigned: bool,
    /// How often the connection was used in the lane, and how often it may still be used.
    used: u32,
    left: u32,
    /// When its present request got it, or its last one returned it.
    since: Time,
    /// How long its present request waited, in nanoseconds.
    queued: u64,
    data: D,
    /// The connection, while no user has it.
    here: Option<T>,
    below: u32,
}

/// The place of a request in the order of arrival of all shards.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its ticket.
    pub ticket: Ticket,
    /// The count of overtakes then.
    pub overtakes: u64,
}

/// The figures of a lane since it was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) immediate: u64,
    pub(crate) deferred: u64,
    pub(crate) cancelled: u64,
    pub(crate) waited: WaitingTime,
}

/// The terms on which a connection may pass into a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The host of the connection.
    pub host: HostId,
    /// The lane must be called back by then.
    pub until: Option<Time>,
    pub(crate) request: RequestId,
    pub(crate) now: Time,
    pub(crate) left: u32,
}

/// The answer to a look at a request that waits in a lane.
#[derive(Debug)]
pub enum Look<T, W> {
    /// It waits. This was to wake it, and has been replaced.
    Waits(Option<W>),
    /// It has taken this connection.
    Taken(RequestId, Seat, T),
    /// The lane was called back since, so the engine has the request.
    Elsewhere,
}

impl<T, D: Copy, W> Lane<T, D, W> {
    /// A closed lane.
    pub fn new() -> Self {
        Self {
            round: 0,
            is_open: false,
            is_full: false,
            until: None,
            now: Time::START,
            entries: SmallVec::new(),
            top: NIL,
            waiters: Waiters::new(),
            tally: Tally::default(),
        }
    }

    /// Whether the lane is open. An open lane has to be called back.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    fn open(&mut self, now: Time, until: Option<Time>) {
        if !self.is_open {
            self.is_open = true;
            self.until = None;
        }
        self.until = earlier(self.until, until);
        self.now = self.now.max(now);
    }

    /// Opens the lane for a connection that the engine has lent out, which is idle now. An open
    /// lane takes it in beside its other connections. Returns the means to wake a request that gets it.
    pub fn take_in(&mut self, terms: Terms, data: D, connection: T) -> Option<W> {
        self.open(terms.now, terms.until);
        let index = u32::try_from(self.entries.len()).expect("connections are counted by u32");
        let number = terms.request.number;
        self.entries.push(Entry {
            known: number,
            request: terms.request,
            ask: plain(number),
            from_cache: FromCache::Immediate,
            is_assigned: false,
            used: 0,
            left: terms.left,
            since: self.now,
            queued: 0,
            data,
            here: None,
            below: NIL,
        });
        self.pass_on(index, connection)
    }

    /// Opens the lane for requests that wait.
    pub fn let_wait(&mut self, now: Time, until: Option<Time>) {
        self.open(now, until);
        self.is_full = true;
    }

    /// Gives the connection returned last to a new request. `None`, with nothing changed, if the
    /// engine must see the request, or it must wait.
    #[inline]
    pub fn lend(
        &mut self,
        now: Time,
        ask: impl FnOnce() -> Ask<()>,
        data: D,
    ) -> Option<(RequestId, Seat, T)> {
        let now = self.present(now)?;
        let entry = self.entries.get_mut(self.top as usize)?;
        let connection = entry.here.take()?;
        let seat = Seat {
            round: self.round,
            index: mem::replace(&mut self.top, entry.below),
        };
        entry.begin(ask(), now, data);
        entry.from_cache = FromCache::Immediate;
        entry.queued = 0;
        self.tally.immediate += 1;
        self.now = now;
        Some((entry.request, seat, connection))
    }

    /// Makes a new request wait, which has no timeouts of its own. `None`, with nothing changed, if
    /// the engine must see it.
    #[inline]
    pub fn park(
        &mut self,
        now: Time,
        number: impl FnOnce() -> u64,
        arrival: impl FnOnce() -> Arrival,
        data: D,
        waker: impl FnOnce() -> W,
    ) -> Option<(u64, Place)> {
        let now = self.present(now)?;
        if !self.is_full || self.top != NIL {
            return None;
        }
        // It may panic.
        let waker = waker();
        let number = number();
        self.now = now;
        let index = self.waiters.push(Waiter {
            number,
            since: now,
            arrival: arrival(),
            data,
            stage: Stage::Waits(waker),
            next: NIL,
            previous: NIL,
        });
        let round = self.round;
        Some((number, Place { round, index }))
    }

    /// Takes back a connection that may be reused. Returns the means to wake a request that gets it;
    /// or the connection, with nothing changed, if the engine must see its return.
    #[inline]
    pub fn take_back(&mut self, now: Time, seat: Seat, connection: T) -> Result<Option<W>, T> {
        let Some(now) = self.present(now).filter(|_| seat.round == self.round) else {
            return Err(connection);
        };
        match self.entries.get(seat.index as usize) {
            Some(entry) if entry.left > 0 => {
                debug_assert!(entry.here.is_none(), "a connection is in one place");
            }
            _ => return Err(connection),
        }
        self.now = now;
        Ok(self.pass_on(seat.index, connection))
    }

    /// Gives a connection that is free now to the request that waits longest, or makes it idle.
    #[inline(always)]
    fn pass_on(&mut self, index: u32, connection: T) -> Option<W> {
        let entry = &mut self.entries[index as usize];
        entry.here = Some(connection);
        if self.waiters.first != NIL {
            return Some(self.assign(index));
        }
        entry.since = self.now;
        entry.below = mem::replace(&mut self.top, index);
        None
    }

    /// Assigns a connection to the request that waits longest. There must be one.
    #[inline(never)]
    fn assign(&mut self, index: u32) -> W {
        let entry = &mut self.entries[index as usize];
        let waiter = self.waiters.pop();
        entry.queued = self.now.nanos().saturating_sub(waiter.since.nanos());
        entry.begin(plain(waiter.number), self.now, waiter.data);
        entry.from_cache = FromCache::Deferred;
        entry.is_assigned = true;
        match mem::replace(&mut waiter.stage, Stage::Assigned(index)) {
            Stage::Waits(waker) => waker,
            Stage::Assigned(_) | Stage::Gone => unreachable!("a request in the queue waits"),
        }
    }

    /// Takes the connection of a request that waited, or has it woken by another waker.
    #[inline]
    pub fn look(&mut self, place: Place, waker: impl FnOnce(&W) -> Option<W>) -> Look<T, W> {
        if place.round != self.round {
            return Look::Elsewhere;
        }
        let waiter = &mut self.waiters.all[place.index as usize];
        let index = match &mut waiter.stage {
            Stage::Waits(known) => {
                return Look::Waits(waker(known).map(|new| mem::replace(known, new)));
            }
            Stage::Assigned(index) => *index,
            Stage::Gone => unreachable!("a request takes its connection once"),
        };
        self.waiters.free(place.index);
        let entry = &mut self.entries[index as usize];
        entry.is_assigned = false;
        self.tally.deferred += 1;
        self.tally.waited.record(entry.queued);
        let seat = Seat {
            round: self.round,
            index,
        };
        let connection = entry.here.take().expect("it has not been taken");
        Look::Taken(entry.request, seat, connection)
    }

    /// How long the request that has a connection waited for it, in nanoseconds. `None` if the engine
    /// has the request.
    pub fn queued(&self, seat: Seat) -> Option<u64> {
        let entry = self.entries.get(seat.index as usize)?;
        (seat.round == self.round).then_some(entry.queued)
    }

    /// Withdraws a request that waits, or has not taken its connection. Returns its waker, and the
    /// means to wake the request that gets the connection. `None`, with nothing changed, if the
    /// engine must see it.
    pub fn withdraw(&mut self, now: Time, place: Place) -> Option<[Option<W>; 2]> {
        let now = self.present(now).filter(|_| place.round == self.round)?;
        self.now = now;
        self.tally.cancelled += 1;
        let waiter = &mut self.waiters.all[place.index as usize];
        match mem::replace(&mut waiter.stage, Stage::Gone) {
            Stage::Waits(waker) => {
                self.waiters.unlink(place.index);
                self.waiters.free(place.index);
                Some([Some(waker), None])
            }
            Stage::Assigned(index) => {
                self.waiters.free(place.index);
                let entry = &mut self.entries[index as usize];
                // The request has not used the connection.
                entry.used -= 1;
                entry.left += 1;
                entry.is_assigned = false;
                let connection = entry.here.take().expect("it has not been taken");
                Some([None, self.pass_on(index, connection)])
            }
            Stage::Gone => unreachable!("a request is withdrawn once"),
        }
    }

    /// Closes the lane, and returns all that it has: requests in the order of their arrival, and idle
    /// connections in the order of their return.
    pub fn call_back(&mut self) -> Returned<T, D, W> {
        self.is_open = false;
        self.is_full = false;
        self.round = self.round.wrapping_add(1);
        let mut lent = Vec::with_capacity(self.entries.len());
        while let Some(entry) = self.entries.get_mut(self.top as usize) {
            self.top = entry.below;
            lent.push(entry.end());
        }
        lent.reverse();
        let others = self.entries.iter_mut();
        lent.extend(others.filter(|entry| entry.known != ENDED).map(Entry::end));
        self.entries.clear();
        Returned {
            tally: mem::take(&mut self.tally),
            lent,
            waiting: self.waiters.end(),
        }
    }

    /// The time of an input, if the lane may handle it by itself.
    #[inline]
    fn present(&self, now: Time) -> Option<Time> {
        let now = now.max(self.now);
        (self.is_open && self.until.is_none_or(|until| now < until)).then_some(now)
    }
}

impl<T, D: Copy, W> Default for Lane<T, D, W> {
    fn default() -> Self {
        Self::new()
    }
}

/// The number of no request.
const ENDED: u64 = u64::MAX;

impl<T, D: Copy> Entry<T, D> {
    /// A request begins to use the connection.
    #[inline]
    fn begin(&mut self, ask: Ask<()>, now: Time, data: D) {
        self.request.number = ask.number;
        self.ask = ask;
        self.used += 1;
        self.left -= 1;
        self.since = now;
        self.data = data;
    }

    fn end(&mut self) -> Lent<T, D> {
        Lent {
            known: mem::replace(&mut self.known, ENDED),
            request: self.request,
            ask: self.ask,
            from_cache: self.from_cache,
            is_assigned: self.is_assigned,
            used: self.used,
            since: self.since,
            queued: self.queued,
            data: self.data,
            here: self.here.take(),
        }
    }
}

/// A request without timeouts of its own.
#[inline]
fn plain(number: u64) -> Ask<()> {
    Ask {
        host: (),
        number,
        timeout: None,
        queue_timeout: None,
    }
}

pub(crate) fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
