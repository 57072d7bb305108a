//! A lane: connections of one host that go from user to user without their engine.
//!
//! While nothing is queued, claimed or due, a hit and its return change nothing but one connection
//! and one request. [`Engine::lend_out`] then lets a returned connection pass into a lane, and the
//! engine goes on as if its user still had it. Before any other input the driver calls the lanes back,
//! and [`Engine::catch_up`] makes up for the hits. So an engine whose lanes have been called back equals
//! one that saw every hit.

use smallvec::SmallVec;

use crate::config::IdleOrder;
use crate::connection::Return;
use crate::engine::Engine;
use crate::ids::{HostId, RequestId};
use crate::request::{Ask, FromCache, Stage};
use crate::room::Room;
use crate::time::Time;

/// Connections of one host, outside of their engine.
///
/// A lane is a state machine like the engine. `T` is a connection, and `D` is the data about its
/// request. It is closed at first, and each [`call_back`](Self::call_back) closes it.
#[derive(Clone, Debug)]
pub struct Lane<T, D> {
    /// Counts the times that the lane was called back, so that no seat outlives one.
    round: u32,
    is_open: bool,
    /// From this time on, the engine must see each input.
    until: Option<Time>,
    /// The latest time that the lane has seen.
    now: Time,
    entries: SmallVec<[Entry<T, D>; 1]>,
    /// The connection returned last; the others follow by [`Entry::below`].
    top: Option<u32>,
}

/// The place of a connection in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    round: u32,
    index: u32,
}

impl Seat {
    /// A place in no lane.
    pub const NONE: Self = Self {
        round: 0,
        index: u32::MAX,
    };
}

#[derive(Clone, Debug)]
struct Entry<T, D> {
    /// The number by which the engine knows the request.
    known: u64,
    request: RequestId,
    /// The timeouts of the request.
    ask: Ask<()>,
    hits: u32,
    /// How often the connection may still be used.
    uses: u32,
    /// When its present request got it, or its last one returned it.
    since: Time,
    data: D,
    /// The connection, while no user has it.
    idle: Option<T>,
    below: Option<u32>,
}

/// The terms on which a connection may pass into a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The host of the connection.
    pub host: HostId,
    /// The lane must be called back by then.
    pub until: Option<Time>,
    request: RequestId,
    now: Time,
    uses: u32,
}

/// A connection that was in a lane, as [`Engine::catch_up`] needs it.
#[derive(Debug)]
pub struct Returned<T, D> {
    /// The present or last request of the connection.
    request: RequestId,
    /// The connection, if no user has it.
    idle: Option<T>,
    known: u64,
    ask: Ask<()>,
    hits: u32,
    /// When the request got the connection, or returned it.
    since: Time,
    data: D,
}

impl<T, D> Returned<T, D> {
    /// Takes the connection out, if no user has it, and makes the engine's data about the request.
    pub fn split<E>(self, data: impl FnOnce(D) -> E) -> (Option<T>, Returned<(), E>) {
        let returned = Returned {
            request: self.request,
            idle: self.idle.as_ref().map(|_| ()),
            known: self.known,
            ask: self.ask,
            hits: self.hits,
            since: self.since,
            data: data(self.data),
        };
        (self.idle, returned)
    }
}

impl<T, D: Copy> Lane<T, D> {
    /// A closed lane.
    pub fn new() -> Self {
        Self {
            round: 0,
            is_open: false,
            until: None,
            now: Time::START,
            entries: SmallVec::new(),
            top: None,
        }
    }

    /// Whether the lane is open. An open lane has to be called back.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Opens the lane for a connection that the engine has lent out, which is idle now. An open
    /// lane takes it in beside its other connections.
    pub fn take_in(&mut self, terms: Terms, data: D, connection: T) {
        if !self.is_open {
            self.is_open = true;
            self.until = None;
        }
        self.until = earlier(self.until, terms.until);
        let index = u32::try_from(self.entries.len()).expect("connections are counted by u32");
        self.now = self.now.max(terms.now);
        self.entries.push(Entry {
            known: terms.request.number,
            request: terms.request,
            ask: Ask {
                host: (),
                number: terms.request.number,
                timeout: None,
                queue_timeout: None,
            },
            hits: 0,
            uses: terms.uses,
            since: self.now,
            data,
            idle: Some(connection),
            below: self.top.replace(index),
        });
    }

    /// Gives the connection returned last to a new request. `None`, with nothing changed, if the
    /// engine must see the request.
    #[inline]
    pub fn lend(
        &mut self,
        now: Time,
        ask: impl FnOnce() -> Ask<()>,
        data: D,
    ) -> Option<(RequestId, Seat, T)> {
        let now = self.present(now)?;
        let index = self.top?;
        let entry = &mut self.entries[index as usize];
        let connection = entry.idle.take()?;
        self.top = entry.below;
        entry.ask = ask();
        entry.request.number = entry.ask.number;
        entry.hits += 1;
        entry.uses -= 1;
        entry.since = now;
        entry.data = data;
        self.now = now;
        let seat = Seat {
            round: self.round,
            index,
        };
        Some((entry.request, seat, connection))
    }

    /// Takes back a connection that may be reused. Returns it, with nothing changed, if the engine
    /// must see its return.
    #[inline]
    pub fn take_back(&mut self, now: Time, seat: Seat, connection: T) -> Result<(), T> {
        let Some(now) = self.present(now).filter(|_| seat.round == self.round) else {
            return Err(connection);
        };
        let entry = match self.entries.get_mut(seat.index as usize) {
            Some(entry) if entry.uses > 0 => entry,
            _ => return Err(connection),
        };
        debug_assert!(entry.idle.is_none(), "a connection is in one place");
        entry.since = now;
        entry.idle = Some(connection);
        entry.below = self.top.replace(seat.index);
        self.now = now;
        Ok(())
    }

    /// Closes the lane, and adds its connections to `returned`: the idle ones in the order of their
    /// return.
    pub fn call_back(&mut self, returned: &mut Vec<Returned<T, D>>) {
        self.is_open = false;
        self.round = self.round.wrapping_add(1);
        let lent = self.entries.iter_mut().filter(|entry| entry.idle.is_none());
        returned.extend(lent.map(Entry::end));
        let first = returned.len();
        while let Some(index) = self.top {
            let entry = &mut self.entries[index as usize];
            self.top = entry.below;
            returned.push(entry.end());
        }
        returned[first..].reverse();
        self.entries.clear();
    }

    /// The time of an input, if the lane may handle it by itself.
    #[inline]
    fn present(&self, now: Time) -> Option<Time> {
        let now = now.max(self.now);
        (self.is_open && self.until.is_none_or(|until| now < until)).then_some(now)
    }
}

impl<T, D: Copy> Entry<T, D> {
    fn end(&mut self) -> Returned<T, D> {
        Returned {
            request: self.request,
            idle: self.idle.take(),
            known: self.known,
            ask: self.ask,
            hits: self.hits,
            since: self.since,
            data: self.data,
        }
    }
}

impl<T, D: Copy> Default for Lane<T, D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// Lets the connection of a request, which its user returns now for reuse, pass into the lane of
    /// its host. Until the lane is called back, the engine goes on as if the user had it.
    ///
    /// `None`, with nothing changed, if the engine must see the return.
    pub fn lend_out(&mut self, now: Time, room: &mut impl Room, id: RequestId) -> Option<Terms> {
        let now = self.clamp(now);
        let slot = self.find_request(id)?;
        let Stage::Held(connection, _) = self.requests[slot].stage else {
            return None;
        };
        let lent = &self.connections[connection];
        let host = self.hosts.at(lent.host);
        if lent.capacity != 1
            || lent.leases != 1
            || lent.is_retiring()
            || lent.is_worn(self.max_uses)
            || host.wants_balance()
            || self.is_general
            || self.keep_alive == Some(0)
            || self.settings.idle_order != IdleOrder::Lifo
            || self.is_due(now)
            || self.are_lanes_due(now)
        {
            return None;
        }
        let terms = Terms {
            host: self.hosts.id(lent.host),
            until: earlier(
                self.poll_timeout().map(|(at, _)| at),
                self.keep_alive
                    .and_then(|nanos| now.checked_add_nanos(nanos)),
            ),
            request: id,
            now,
            uses: self.max_uses - lent.uses,
        };
        let first = self.lent_since.is_none();
        if first {
            self.lent_since = Some(now);
            self.publish_idle(room);
        }
        // A claim of another shard sees the idle connection, or is seen here.
        if room.oldest_claim().is_some() {
            if first {
                self.lent_since = None;
                self.publish_idle(room);
            }
            return None;
        }
        self.lent_until = earlier(self.lent_until, terms.until);
        Some(terms)
    }

    /// Whether a lane must be called back by now.
    #[inline]
    pub(crate) fn are_lanes_due(&self, now: Time) -> bool {
        self.lent_until.is_some_and(|until| until <= now)
    }

    /// Makes up for all that the lanes have done, once all of them have been called back. For the
    /// rest it is a [`tick`](Self::tick).
    pub fn catch_up(
        &mut self,
        now: Time,
        room: &mut impl Room,
        mut returned: Vec<Returned<(), D>>,
    ) {
        let now = self.clamp(now);
        (self.lent_since, self.lent_until) = (None, None);
        self.publish_idle(room);
        // The connection returned last becomes idle last.
        returned.sort_by_key(|returned| returned.since);
        // Nothing that is due happens before the engine has seen all.
        for returned in returned {
            let (request, since) = (returned.request, returned.since);
            let is_idle = returned.idle.is_some();
            self.make_up_for_hits(returned);
            if is_idle {
                self.returned_at = Some(since);
                self.end_held(now, room, request, Return::Reuse);
                self.returned_at = None;
            }
        }
        self.advance(now, room);
        self.settle(room);
    }

    fn make_up_for_hits(&mut self, returned: Returned<(), D>) {
        let known = RequestId {
            number: returned.known,
            ..returned.request
        };
        let held = self.find_request(known);
        debug_assert!(held.is_some(), "the engine did not see the lease end");
        let Some(slot) = held.filter(|_| returned.hits > 0) else {
            return;
        };
        if let Stage::Held(connection, _) = self.requests[slot].stage {
            let host = self.requests[slot].host;
            let mut request = self.new_request(returned.since, host, &returned.ask, returned.data);
            request.stage = Stage::Held(connection, Some(FromCache::Immediate));
            self.requests[slot] = request;
            let lent = &mut self.connections[connection];
            lent.uses = lent.uses.saturating_add(returned.hits);
            *lent.run() = 0;
            self.waiting_time.record_at_once(returned.hits.into());
            self.hosts.count(host, |counts| {
                counts.reused_immediate += u64::from(returned.hits);
            });
        }
    }
}

fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
