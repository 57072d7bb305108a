//! Deadlines of requests and connections: a line of requests whose deadlines came in order, and an
//! indexed heap of all others. Each deadline can be withdrawn.

use crate::arena::{Arena, KEPT_WHEN_EMPTY, Link, List, NIL};
use crate::request::Request;
use crate::time::Time;

const BRANCHES: usize = 4;

/// The record that a deadline belongs to. Each record has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerKey {
    Request(u32),
    Connection(u32),
}

/// A [`TimerKey`] in the size of a slot number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key(u32);

impl Key {
    const KINDS: usize = 2;

    /// The bits of a slot. Those above tell the kinds apart, in the order in which they are due.
    const SLOT: u32 = u32::MAX >> 2;

    fn new(key: TimerKey) -> Self {
        let (kind, slot) = match key {
            TimerKey::Request(slot) => (0, slot),
            TimerKey::Connection(slot) => (1, slot),
        };
        assert!(slot <= Self::SLOT, "at most 2^30 records");
        Self(kind * (Self::SLOT + 1) + slot)
    }

    fn get(self) -> TimerKey {
        let slot = self.slot() as u32;
        match self.kind() {
            0 => TimerKey::Request(slot),
            _ => TimerKey::Connection(slot),
        }
    }

    fn kind(self) -> u32 {
        self.0 / (Self::SLOT + 1)
    }

    fn slot(self) -> usize {
        (self.0 & Self::SLOT) as usize
    }
}

/// A deadline. At the same time, deadlines of requests are due before those of connections.
/// Requests are due in order of arrival, connections in the order in which their deadlines were
/// set.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Time,
    order: u32,
    key: Key,
}

impl Entry {
    fn is_before(&self, other: &Self) -> bool {
        // Numbers wrap after 2^32; two at the same nanosecond are closer than half of that.
        let earlier = || (self.order.wrapping_sub(other.order) as i32) < 0;
        let (own, others) = (self.key.kind(), other.key.kind());
        self.at < other.at || self.at == other.at && (own < others || own == others && earlier())
    }
}

/// All deadlines of an engine.
///
/// If all requests have the same timeout, their deadlines are set in the order in which they are
/// due. Setting or withdrawing such a deadline costs O(1), and no memory beyond the record. Any
/// other costs O(log n).
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Timers {
    /// Requests, each due after all that were in the line when it joined.
    line: List,
    heap: Vec<Entry>,
    /// The places in the heap by kind and slot. The first kind, requests, keep their own.
    places: [Vec<u32>; Key::KINDS - 1],
    serial: u32,
    /// Kept here because every input reads it, and few inputs change it.
    earliest: Option<Entry>,
}

/// Marks the link of a request in the heap, in `previous`: `next` is its place there.
const IN_HEAP: u32 = NIL - 1;

/// The place of a record's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Line,
    Heap(usize),
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            line: List::EMPTY,
            heap: Vec::new(),
            places: [const { Vec::new() }; Key::KINDS - 1],
            serial: 0,
            earliest: None,
        }
    }

    /// Sets the deadline of `key`, in place of an earlier one; `None` withdraws it.
    pub(crate) fn set<D>(
        &mut self,
        requests: &mut Arena<Request<D>>,
        key: TimerKey,
        at: Option<Time>,
    ) {
        self.withdraw(requests, key);
        let Some(at) = at else { return };
        let entry = match key {
            TimerKey::Request(slot) => entry(requests, slot, at),
            _ => {
                self.serial = self.serial.wrapping_add(1);
                Entry {
                    at,
                    order: self.serial,
                    key: Key::new(key),
                }
            }
        };
        match key {
            TimerKey::Request(slot) if self.may_join(requests, slot, &entry) => {
                self.line.push_back(requests, slot, Request::timer);
            }
            _ => {
                self.heap.push(entry);
                self.rise(requests, self.heap.len() - 1);
            }
        }
        if self
            .earliest
            .is_none_or(|earliest| entry.is_before(&earliest))
        {
            self.earliest = Some(entry);
        }
    }

    pub(crate) fn withdraw<D>(&mut self, requests: &mut Arena<Request<D>>, key: TimerKey) {
        match self.place(requests, key) {
            Place::Nowhere => return,
            Place::Line => {
                if let TimerKey::Request(slot) = key {
                    self.line.remove(requests, slot, Request::timer);
                }
            }
            Place::Heap(place) => self.leave_heap(requests, key, place),
        }
        if self
            .earliest
            .is_some_and(|earliest| earliest.key == Key::new(key))
        {
            self.next_is_earliest(requests);
        }
    }

    /// Whether a request is due at its own deadline, and after all in the line.
    fn may_join<D>(&self, requests: &Arena<Request<D>>, slot: u32, new: &Entry) -> bool {
        requests[slot].deadline == Some(new.at)
            && self
                .line
                .back()
                .is_none_or(|last| in_line(requests, last).is_some_and(|last| last.is_before(new)))
    }

    #[inline(never)]
    fn next_is_earliest<D>(&mut self, requests: &Arena<Request<D>>) {
        let first = self.line.front().and_then(|first| in_line(requests, first));
        self.earliest = match (first, self.heap.first()) {
            (Some(first), Some(top)) if top.is_before(&first) => Some(*top),
            (first, top) => first.or(top.copied()),
        };
        if self.earliest.is_none() {
            self.let_go();
        }
    }

    #[inline(never)]
    fn leave_heap<D>(&mut self, requests: &mut Arena<Request<D>>, key: TimerKey, place: usize) {
        match key {
            TimerKey::Request(slot) => requests[slot].timer = Link::UNLINKED,
            _ => *self.kept(Key::new(key)) = NIL,
        }
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.sink(requests, place);
            self.rise(requests, place);
        }
    }

    /// Frees the memory of many deadlines once the last of them has gone.
    fn let_go(&mut self) {
        let places = self.places.iter().map(Vec::len).max();
        if self.heap.capacity().max(places.unwrap_or(0)) > KEPT_WHEN_EMPTY {
            self.heap = Vec::new();
            self.places = Default::default();
        }
    }

    /// The place in the heap that is kept for the record of `key`, which is no request.
    fn kept(&mut self, key: Key) -> &mut u32 {
        let (places, slot) = (&mut self.places[key.kind() as usize - 1], key.slot());
        if slot >= places.len() {
            places.resize(slot + 1, NIL);
        }
        &mut places[slot]
    }

    /// The earliest deadline.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(Time, TimerKey)> {
        self.earliest.map(|entry| (entry.at, entry.key.get()))
    }

    /// The deadline of `key`, if it has one.
    pub(crate) fn at<D>(&self, requests: &Arena<Request<D>>, key: TimerKey) -> Option<Time> {
        match (self.place(requests, key), key) {
            (Place::Line, TimerKey::Request(slot)) => requests[slot].deadline,
            (Place::Heap(place), _) => Some(self.heap[place].at),
            _ => None,
        }
    }

    /// Whether the line is in order, and `earliest` is right.
    pub(crate) fn is_in_order<D>(&self, requests: &Arena<Request<D>>) -> bool {
        let (mut at, mut last, mut before) = (self.line.front, NIL, None);
        while at != NIL {
            let Some(entry) = in_line(requests, at) else {
                return false;
            };
            if before.is_some_and(|before| !Entry::is_before(&before, &entry))
                || requests[at].timer.previous != last
            {
                return false;
            }
            (before, last, at) = (Some(entry), at, requests[at].timer.next);
        }
        let first = self.in_order(requests).first().copied();
        last == self.line.back && first == self.peek()
    }

    /// All deadlines, the first due first.
    pub(crate) fn in_order<D>(&self, requests: &Arena<Request<D>>) -> Vec<(Time, TimerKey)> {
        let mut entries = self.heap.clone();
        let mut at = self.line.front;
        while at != NIL {
            entries.extend(in_line(requests, at));
            at = requests[at].timer.next;
        }
        entries.sort_unstable_by(|a, b| match a.is_before(b) {
            true => std::cmp::Ordering::Less,
            false => std::cmp::Ordering::Greater,
        });
        let entries = entries.into_iter();
        entries.map(|entry| (entry.at, entry.key.get())).collect()
    }

    #[inline]
    fn place<D>(&self, requests: &Arena<Request<D>>, key: TimerKey) -> Place {
        let in_heap = match key {
            TimerKey::Request(slot) => {
                let Link { previous, next } = requests[slot].timer;
                match previous {
                    NIL if self.line.front != slot => return Place::Nowhere,
                    IN_HEAP => next,
                    _ => return Place::Line,
                }
            }
            _ => {
                let key = Key::new(key);
                match self.places[key.kind() as usize - 1].get(key.slot()) {
                    None | Some(&NIL) => return Place::Nowhere,
                    Some(&place) => place,
                }
            }
        };
        Place::Heap(in_heap as usize)
    }

    fn rise<D>(&mut self, requests: &mut Arena<Request<D>>, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / BRANCHES;
            if !self.earlier(at, parent) {
                break;
            }
            self.heap.swap(at, parent);
            self.record_place(requests, at);
            at = parent;
        }
        self.record_place(requests, at);
    }

    fn sink<D>(&mut self, requests: &mut Arena<Request<D>>, mut at: usize) {
        loop {
            let children = at * BRANCHES + 1..(at * BRANCHES + 1 + BRANCHES).min(self.heap.len());
            let Some(child) = children.reduce(|a, b| if self.earlier(b, a) { b } else { a }) else {
                break;
            };
            if !self.earlier(child, at) {
                break;
            }
            self.heap.swap(at, child);
            self.record_place(requests, at);
            at = child;
        }
        self.record_place(requests, at);
    }

    fn earlier(&self, a: usize, b: usize) -> bool {
        self.heap[a].is_before(&self.heap[b])
    }

    /// Stores in a record where in the heap its deadline is.
    fn record_place<D>(&mut self, requests: &mut Arena<Request<D>>, at: usize) {
        let key = self.heap[at].key;
        match key.get() {
            TimerKey::Request(slot) => {
                requests[slot].timer = Link {
                    previous: IN_HEAP,
                    next: at as u32,
                };
            }
            _ => *self.kept(key) = at as u32,
        }
    }
}

fn entry<D>(requests: &Arena<Request<D>>, slot: u32, at: Time) -> Entry {
    Entry {
        at,
        order: requests[slot].ticket().0 as u32,
        key: Key::new(TimerKey::Request(slot)),
    }
}

/// The deadline of a request in the line.
fn in_line<D>(requests: &Arena<Request<D>>, slot: u32) -> Option<Entry> {
    Some(entry(requests, slot, requests[slot].deadline?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ticket;

    /// Requests, and connections without a record, with the deadlines of both.
    struct Fixture {
        timers: Timers,
        requests: Arena<Request<()>>,
        tickets: u64,
    }

    use TimerKey::{Connection, Request as Asks};

    impl Fixture {
        fn new(requests: u32) -> Self {
            let mut fixture = Self {
                timers: Timers::new(),
                requests: Arena::new(),
                tickets: 0,
            };
            for number in 0..requests {
                let request = Request::new(number.into(), 0, Time::START, None, ());
                fixture.requests.insert(request);
            }
            fixture
        }

        /// Sets a deadline of a request that joins a queue now, or of a connection.
        fn set(&mut self, key: TimerKey, nanos: u64) {
            if let Asks(slot) = key {
                self.tickets += 1;
                self.timers.withdraw(&mut self.requests, key);
                self.requests[slot].enter_queue(Ticket(self.tickets), 0);
                self.requests[slot].deadline = Some(Time::from_nanos(nanos));
            }
            let at = Some(Time::from_nanos(nanos));
            self.timers.set(&mut self.requests, key, at);
        }

        fn withdraw(&mut self, key: TimerKey) {
            self.timers.withdraw(&mut self.requests, key);
        }

        fn peek(&self) -> Option<(u64, TimerKey)> {
            self.timers.peek().map(|(at, key)| (at.nanos(), key))
        }

        fn in_order(&self) -> Vec<(u64, TimerKey)> {
            let order = self.timers.in_order(&self.requests).into_iter();
            order.map(|(at, key)| (at.nanos(), key)).collect()
        }

        /// How many deadlines are in the line, and how many in the heap.
        fn places(&self) -> (usize, usize) {
            let heap = self.timers.heap.len();
            (self.in_order().len() - heap, heap)
        }
    }

    #[test]
    fn deadlines_come_out_in_order_whatever_was_withdrawn() {
        let mut fixture = Fixture::new(32);
        let mut model: Vec<(u64, TimerKey)> = Vec::new();
        let mut state = 7_u64;
        for round in 0..10_000_u32 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let slot = (state >> 33) as u32 % 32;
            let key = if state >> 63 == 0 {
                Asks(slot)
            } else {
                Connection(slot)
            };
            model.retain(|&(_, other)| other != key);
            if (state >> 58) % 8 < 5 {
                // Most deadlines come in order, and many are equal to others.
                let late = u64::from(round) / 4 * u64::from(!(state >> 54).is_multiple_of(4));
                let nanos = late + (state >> 40) % 8;
                fixture.set(key, nanos);
                model.push((nanos, key));
            } else {
                fixture.withdraw(key);
            }
            let mut order = model.clone();
            order.sort_by_key(|&(nanos, key)| (nanos, matches!(key, Connection(_))));
            assert_eq!(fixture.in_order(), order, "after round {round}");
            assert_eq!(fixture.peek(), order.first().copied());
        }
        while let Some((_, key)) = fixture.peek() {
            fixture.withdraw(key);
            assert_eq!(fixture.timers.at(&fixture.requests, key), None);
        }
        assert_eq!(fixture.in_order(), []);
    }

    #[test]
    fn requests_with_the_same_time_out_take_no_memory_for_it() {
        let mut fixture = Fixture::new(1_000);
        for slot in 0..1_000 {
            fixture.set(Asks(slot), u64::from(slot) / 10);
        }
        for slot in (0..1_000).filter(|slot| slot % 10 != 0) {
            fixture.withdraw(Asks(slot));
        }
        assert_eq!(
            (fixture.places(), fixture.timers.heap.capacity()),
            ((100, 0), 0)
        );
        for slot in (0..1_000).step_by(10) {
            assert_eq!(fixture.peek(), Some((u64::from(slot) / 10, Asks(slot))));
            fixture.withdraw(Asks(slot));
        }
        assert_eq!(fixture.peek(), None);
    }

    #[test]
    fn who_left_the_end_of_the_line_is_in_nobodys_way() {
        let mut fixture = Fixture::new(2);
        fixture.set(Asks(0), 10);
        fixture.withdraw(Asks(0));
        fixture.set(Asks(1), 5);
        assert_eq!(fixture.places(), (1, 0));
    }

    #[test]
    fn who_has_less_time_than_those_before_is_due_before_them() {
        let mut fixture = Fixture::new(3);
        fixture.set(Asks(0), 10);
        fixture.set(Asks(1), 5);
        fixture.set(Asks(2), 10);
        assert_eq!(fixture.places(), (2, 1));
        assert_eq!(fixture.peek(), Some((5, Asks(1))));
        fixture.withdraw(Asks(1));
        assert_eq!(fixture.peek(), Some((10, Asks(0))));
    }

    #[test]
    fn another_time_than_its_deadline_is_for_the_heap() {
        let mut fixture = Fixture::new(1);
        fixture.set(Asks(0), 10);
        let sooner = Some(Time::from_nanos(3));
        fixture.timers.set(&mut fixture.requests, Asks(0), sooner);
        assert_eq!(
            (fixture.places(), fixture.peek()),
            ((0, 1), Some((3, Asks(0))))
        );
        assert_eq!(fixture.timers.at(&fixture.requests, Asks(0)), sooner);
    }

    #[test]
    fn a_crowd_leaves_no_memory_behind() {
        let mut fixture = Fixture::new(10_000);
        for slot in 0..10_000 {
            fixture.set(Asks(slot), 10_000 - u64::from(slot));
            fixture.set(Connection(slot), 7);
        }
        for slot in 0..10_000 {
            fixture.withdraw(Asks(slot));
            fixture.withdraw(Connection(slot));
        }
        let timers = &fixture.timers;
        assert_eq!(timers.heap.capacity() + timers.places[0].capacity(), 0);
        fixture.withdraw(Connection(7));
        fixture.set(Connection(7), 1);
        assert_eq!(fixture.peek(), Some((1, Connection(7))));
    }

    #[test]
    fn of_equal_deadlines_those_of_requests_are_due_first_in_order_of_arrival() {
        let mut fixture = Fixture::new(4);
        fixture.set(Connection(5), 10);
        fixture.set(Connection(2), 10);
        for slot in [3, 1, 2, 0] {
            fixture.set(Asks(slot), 10);
        }
        // Setting a deadline again does not change the order of arrival.
        let at = Some(Time::from_nanos(10));
        fixture.timers.set(&mut fixture.requests, Asks(3), at);
        let keys: Vec<_> = fixture.in_order().iter().map(|&(_, key)| key).collect();
        let requests = [3, 1, 2, 0].map(Asks);
        assert_eq!(keys[..4], requests);
        assert_eq!(keys[4..], [Connection(5), Connection(2)]);
        assert_eq!(fixture.places(), (3, 3));
    }
}
