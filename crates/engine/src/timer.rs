//! Deadlines of requests and connections: a line of those that came in order, and an indexed heap
//! of the others, so that each can be withdrawn.

use std::collections::VecDeque;

use crate::arena::KEPT_WHEN_EMPTY;
use crate::time::Time;

const BRANCHES: usize = 4;

/// How many withdrawn deadlines may lie in the line beside as many as are still set.
const STALE_KEPT: usize = 32;

/// Whose deadline it is. Each record has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerKey {
    Request(u32),
    Connection(u32),
}

/// A [`TimerKey`] in the room of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key(u32);

impl Key {
    const CONNECTION: u32 = 1 << 31;

    fn new(key: TimerKey) -> Self {
        let (slot, kind) = match key {
            TimerKey::Request(slot) => (slot, 0),
            TimerKey::Connection(slot) => (slot, Self::CONNECTION),
        };
        assert!(slot < Self::CONNECTION, "fewer than 2^31 records");
        Self(slot | kind)
    }

    fn get(self) -> TimerKey {
        match self.0 & Self::CONNECTION {
            0 => TimerKey::Request(self.0),
            _ => TimerKey::Connection(self.0 & !Self::CONNECTION),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Time,
    /// Breaks ties: what was set first is due first.
    pub(crate) serial: u32,
    key: Key,
}

impl Entry {
    #[cfg(feature = "check")]
    pub(crate) fn key(&self) -> TimerKey {
        self.key.get()
    }

    fn is_before(&self, other: &Self) -> bool {
        // Serials begin anew after 2^32; two at the same nanosecond are closer than half of that.
        let earlier = (self.serial.wrapping_sub(other.serial) as i32) < 0;
        self.at < other.at || (self.at == other.at && earlier)
    }
}

/// Where the deadline of a record is: in the heap, in the line, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u32);

impl Place {
    const IN_LINE: u32 = 1 << 31;
    /// No heap is as large.
    const ABSENT: Self = Self(Self::IN_LINE - 1);

    fn in_heap(at: usize) -> Self {
        Self(at as u32)
    }

    /// `number` counts through the line. The bits that have room here tell places apart: no line
    /// is longer than that.
    fn in_line(number: u32) -> Self {
        Self(number | Self::IN_LINE)
    }

    fn is_in_line(self) -> bool {
        self.0 & Self::IN_LINE != 0
    }
}

/// All deadlines of an engine.
///
/// Where all have the same time-out, deadlines are set in the order in which they are due: setting
/// and withdrawing such a one costs O(1), any other O(log n).
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Timers {
    /// Those that were due last of all when they were set. One that is withdrawn stays until it is
    /// at an end of the line, or until such are most of it: its neighbours need not be looked at.
    line: VecDeque<Entry>,
    /// The number of the first in line.
    first: u32,
    /// How many of these are withdrawn; the first in line is not.
    stale: usize,
    heap: Vec<Entry>,
    requests: Vec<Place>,
    connections: Vec<Place>,
    serial: u32,
    /// Looked at with every input, and changed by few.
    earliest: Option<Entry>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            line: VecDeque::new(),
            first: 0,
            stale: 0,
            heap: Vec::new(),
            requests: Vec::new(),
            connections: Vec::new(),
            serial: 0,
            earliest: None,
        }
    }

    /// Sets the deadline of `key`, in place of an earlier one; `None` withdraws it.
    pub(crate) fn set(&mut self, key: TimerKey, at: Option<Time>) {
        self.withdraw(key);
        let Some(at) = at else { return };
        self.serial = self.serial.wrapping_add(1);
        let entry = Entry {
            at,
            serial: self.serial,
            key: Key::new(key),
        };
        while self.stale > 0 && self.is_stale(self.line.len() - 1) {
            self.line.pop_back();
            self.stale -= 1;
        }
        if self.line.back().is_none_or(|last| last.at <= at) {
            if self.line.len() == self.line.capacity() {
                self.line.reserve_exact(self.line.len() / 16 + 8);
            }
            self.line.push_back(entry);
            self.note(key, self.place_in_line(self.line.len() - 1));
        } else {
            self.heap.push(entry);
            self.rise(self.heap.len() - 1);
        }
        if self.earliest.is_none_or(|earliest| at < earliest.at) {
            self.earliest = Some(entry);
        }
    }

    pub(crate) fn withdraw(&mut self, key: TimerKey) {
        let (places, slot) = self.places(key);
        let Some(place) = places.get_mut(slot) else {
            return;
        };
        let place = std::mem::replace(place, Place::ABSENT);
        if place == Place::ABSENT {
            return;
        }
        if place.is_in_line() {
            self.leave_line(place);
        } else {
            self.leave_heap(place.0 as usize);
        }
        if self
            .earliest
            .is_some_and(|earliest| earliest.key == Key::new(key))
        {
            self.next_is_earliest();
        }
    }

    #[inline(never)]
    fn next_is_earliest(&mut self) {
        self.earliest = self.find_earliest();
        if self.earliest.is_none() {
            self.let_go();
        }
    }

    fn leave_line(&mut self, place: Place) {
        if place == Place::in_line(self.first) {
            self.line.pop_front();
            self.first = self.first.wrapping_add(1);
            while self.stale > 0 && self.is_stale(0) {
                self.line.pop_front();
                self.first = self.first.wrapping_add(1);
                self.stale -= 1;
            }
        } else {
            self.stale += 1;
            if self.stale > self.line.len() / 2 + STALE_KEPT {
                self.close_ranks();
            }
        }
    }

    /// Drops what is withdrawn from the line.
    #[inline(never)]
    fn close_ranks(&mut self) {
        let mut kept = VecDeque::with_capacity(self.line.len() - self.stale);
        for (at, entry) in std::mem::take(&mut self.line).into_iter().enumerate() {
            // Who has a place has no other behind it.
            let key = entry.key.get();
            if self.place(key) == self.place_in_line(at) {
                self.note(key, self.place_in_line(kept.len()));
                kept.push_back(entry);
            }
        }
        self.line = kept;
        self.stale = 0;
    }

    fn place_in_line(&self, at: usize) -> Place {
        Place::in_line(self.first.wrapping_add(at as u32))
    }

    /// Whether what is at this place of the line has been withdrawn, or set anew elsewhere.
    fn is_stale(&self, at: usize) -> bool {
        self.place(self.line[at].key.get()) != self.place_in_line(at)
    }

    #[inline(never)]
    fn leave_heap(&mut self, place: usize) {
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.sink(place);
            self.rise(place);
        }
    }

    /// A crowd takes its memory along when its last deadline goes.
    fn let_go(&mut self) {
        let records = self.heap.capacity().max(self.requests.len());
        if records.max(self.connections.len()) > KEPT_WHEN_EMPTY {
            self.line = VecDeque::new();
            self.heap = Vec::new();
            self.requests = Vec::new();
            self.connections = Vec::new();
        }
    }

    /// The earliest deadline.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(Time, TimerKey)> {
        self.earliest.map(|entry| (entry.at, entry.key.get()))
    }

    fn find_earliest(&self) -> Option<Entry> {
        match (self.line.front(), self.heap.first()) {
            (Some(first), Some(top)) if top.is_before(first) => Some(top),
            (first, top) => first.or(top),
        }
        .copied()
    }

    /// The deadline of `key`, if it has one.
    pub(crate) fn at(&self, key: TimerKey) -> Option<Time> {
        let place = self.place(key);
        if place == Place::ABSENT {
            return None;
        }
        Some(if place.is_in_line() {
            let at = place.0.wrapping_sub(self.first) & !Place::IN_LINE;
            self.line[at as usize].at
        } else {
            self.heap[place.0 as usize].at
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len() + self.line.len() - self.stale
    }

    /// All of them, in no order.
    #[cfg(feature = "check")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let line = (0..self.line.len()).filter(|&at| !self.is_stale(at));
        line.map(|at| &self.line[at]).chain(&self.heap)
    }

    fn place(&self, key: TimerKey) -> Place {
        let (places, slot) = match key {
            TimerKey::Request(slot) => (&self.requests, slot),
            TimerKey::Connection(slot) => (&self.connections, slot),
        };
        let place = places.get(slot as usize);
        place.copied().unwrap_or(Place::ABSENT)
    }

    fn places(&mut self, key: TimerKey) -> (&mut Vec<Place>, usize) {
        match key {
            TimerKey::Request(slot) => (&mut self.requests, slot as usize),
            TimerKey::Connection(slot) => (&mut self.connections, slot as usize),
        }
    }

    fn note(&mut self, key: TimerKey, place: Place) {
        let (places, slot) = self.places(key);
        if slot >= places.len() {
            places.resize(slot + 1, Place::ABSENT);
        }
        places[slot] = place;
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / BRANCHES;
            if !self.earlier(at, parent) {
                break;
            }
            self.heap.swap(at, parent);
            self.note_heap(at);
            at = parent;
        }
        self.note_heap(at);
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let children = at * BRANCHES + 1..(at * BRANCHES + 1 + BRANCHES).min(self.heap.len());
            let Some(child) = children.reduce(|a, b| if self.earlier(b, a) { b } else { a }) else {
                break;
            };
            if !self.earlier(child, at) {
                break;
            }
            self.heap.swap(at, child);
            self.note_heap(at);
            at = child;
        }
        self.note_heap(at);
    }

    fn earlier(&self, a: usize, b: usize) -> bool {
        self.heap[a].is_before(&self.heap[b])
    }

    fn note_heap(&mut self, at: usize) {
        self.note(self.heap[at].key.get(), Place::in_heap(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_come_out_in_order_whatever_was_withdrawn() {
        let start = Time::START;
        let mut timers = Timers::new();
        let mut model: Vec<(u64, u32)> = Vec::new();
        let mut state = 7_u64;
        for round in 0..5_000_u32 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let slot = (state >> 33) as u32 % 64;
            model.retain(|&(_, other)| other != slot);
            if state >> 60 < 10 {
                let millis = (state >> 40) % 100_000;
                timers.set(
                    TimerKey::Request(slot),
                    Some(start + Duration::from_millis(millis)),
                );
                model.push((millis, slot));
            } else {
                timers.withdraw(TimerKey::Request(slot));
            }
            assert_eq!(timers.len(), model.len(), "after round {round}");
            let earliest = model.iter().map(|&(millis, _)| millis).min();
            assert_eq!(
                timers.peek().map(|(at, _)| at),
                earliest.map(|millis| start + Duration::from_millis(millis))
            );
        }
        while let Some((at, key)) = timers.peek() {
            timers.withdraw(key);
            assert!(timers.peek().is_none_or(|(next, _)| next >= at));
            assert_eq!(timers.at(key), None);
        }
    }

    #[test]
    fn a_deadline_in_line_takes_20_bytes() {
        assert_eq!(size_of::<Entry>() + size_of::<Place>(), 20);
    }

    #[test]
    fn the_line_is_no_longer_than_it_must_be_and_counts_on_for_ever() {
        let mut timers = Timers::new();
        timers.first = Place::IN_LINE - 1_000;
        for slot in 0..10_000 {
            let at = Time::from_nanos(u64::from(slot));
            timers.set(TimerKey::Request(slot), Some(at));
        }
        for slot in (0..10_000).rev().filter(|slot| slot % 10 != 0) {
            timers.withdraw(TimerKey::Request(slot));
            assert!(timers.line.len() <= 2 * (timers.len() + STALE_KEPT));
        }
        for slot in (0..10_000).step_by(10) {
            let at = Time::from_nanos(u64::from(slot));
            assert_eq!(timers.peek(), Some((at, TimerKey::Request(slot))));
            assert_eq!(timers.at(TimerKey::Request(slot)), Some(at));
            timers.withdraw(TimerKey::Request(slot));
        }
        assert_eq!((timers.len(), timers.line.len()), (0, 0));
    }

    #[test]
    fn who_left_the_end_of_the_line_is_in_nobodys_way() {
        let [early, late] = [5, 10].map(Time::from_nanos);
        let mut timers = Timers::new();
        timers.set(TimerKey::Connection(0), Some(early));
        timers.set(TimerKey::Request(0), Some(late));
        timers.withdraw(TimerKey::Request(0));
        timers.set(TimerKey::Request(1), Some(early));
        assert_eq!((timers.heap.len(), timers.line.len()), (0, 2));
    }

    #[test]
    fn a_crowd_leaves_no_memory_behind() {
        let mut timers = Timers::new();
        let crowd = 0..10_000;
        for slot in crowd.clone() {
            let at = Time::from_nanos(u64::from(10_000 - slot));
            timers.set(TimerKey::Request(slot), Some(at));
        }
        for slot in crowd {
            timers.withdraw(TimerKey::Request(slot));
        }
        let left = timers.heap.capacity() + timers.line.capacity() + timers.requests.capacity();
        assert_eq!(left, 0);
        timers.withdraw(TimerKey::Request(7));
        timers.set(TimerKey::Request(7), Some(Time::START));
        assert_eq!(timers.at(TimerKey::Request(7)), Some(Time::START));
    }

    #[test]
    fn a_deadline_in_the_heap_comes_before_an_equal_one_that_was_set_later() {
        let [late, early] = [10, 5].map(Time::from_nanos);
        let mut timers = Timers::new();
        timers.set(TimerKey::Request(0), Some(late));
        timers.set(TimerKey::Request(1), Some(early));
        timers.withdraw(TimerKey::Request(0));
        timers.set(TimerKey::Request(2), Some(early));
        assert_eq!((timers.heap.len(), timers.line.len()), (1, 1));
        assert_eq!(timers.peek(), Some((early, TimerKey::Request(1))));
    }

    #[test]
    fn equal_deadlines_are_due_in_the_order_they_were_set() {
        let start = Time::START;
        let mut timers = Timers::new();
        for slot in [3, 1, 2, 0] {
            timers.set(TimerKey::Connection(slot), Some(start));
        }
        let mut order = Vec::new();
        while let Some((_, key)) = timers.peek() {
            timers.withdraw(key);
            order.push(key);
        }
        assert_eq!(order, [3, 1, 2, 0].map(TimerKey::Connection));
    }
}
