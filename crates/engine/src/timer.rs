//! Deadlines of requests and connections: a line of those that came in order, and an indexed heap
//! of the others, so that each can be withdrawn.

use crate::arena::{Arena, KEPT_WHEN_EMPTY, Link, List};
use crate::time::Time;

const ABSENT: u32 = u32::MAX;
/// Marks a place in the line; without it, a place is one in the heap.
const IN_LINE: u32 = 1 << 31;
const BRANCHES: usize = 4;

/// Whose deadline it is. Each record has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerKey {
    Request(u32),
    Connection(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Time,
    /// Breaks ties: what was set first is due first.
    pub(crate) serial: u64,
    pub(crate) key: TimerKey,
}

impl Entry {
    fn is_before(&self, other: &Self) -> bool {
        (self.at, self.serial) < (other.at, other.serial)
    }
}

/// All deadlines of an engine.
///
/// Where all have the same time-out, deadlines are set in the order in which they are due: setting
/// and withdrawing such a one costs O(1), any other O(log n).
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Timers {
    /// Those that were due last of all when they were set.
    line: Arena<Waiting>,
    order: List,
    heap: Vec<Entry>,
    requests: Vec<u32>,
    connections: Vec<u32>,
    serial: u64,
    /// Looked at with every input, and changed by few.
    earliest: Option<(Time, TimerKey)>,
}

#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
struct Waiting {
    entry: Entry,
    link: Link,
}

impl Waiting {
    #[inline]
    fn link(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            line: Arena::new(),
            order: List::EMPTY,
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
        self.serial += 1;
        let serial = self.serial;
        let entry = Entry { at, serial, key };
        let last = self.order.back();
        if last.is_none_or(|last| self.line[last].entry.at <= at) {
            let link = Link::UNLINKED;
            let slot = self.line.insert(Waiting { entry, link });
            self.order.push_back(&mut self.line, slot, Waiting::link);
            self.note(key, slot | IN_LINE);
        } else {
            self.heap.push(entry);
            self.rise(self.heap.len() - 1);
        }
        self.earliest = self.find_earliest();
    }

    pub(crate) fn withdraw(&mut self, key: TimerKey) {
        let (places, slot) = self.places(key);
        let Some(place) = places.get_mut(slot) else {
            return;
        };
        let place = std::mem::replace(place, ABSENT);
        if place == ABSENT {
            return;
        }
        if place & IN_LINE != 0 {
            let slot = place & !IN_LINE;
            self.order.remove(&mut self.line, slot, Waiting::link);
            self.line.remove(slot);
        } else {
            self.leave_heap(place as usize);
        }
        self.earliest = self.find_earliest();
        let records = self.heap.capacity().max(self.requests.len());
        if self.earliest.is_none() && records.max(self.connections.len()) > KEPT_WHEN_EMPTY {
            self.heap = Vec::new();
            self.requests = Vec::new();
            self.connections = Vec::new();
        }
    }

    fn leave_heap(&mut self, place: usize) {
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.sink(place);
            self.rise(place);
        }
    }

    /// The earliest deadline.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(Time, TimerKey)> {
        self.earliest
    }

    fn find_earliest(&self) -> Option<(Time, TimerKey)> {
        let first = self.order.front().map(|first| &self.line[first].entry);
        let first = match (first, self.heap.first()) {
            (Some(first), Some(top)) if top.is_before(first) => Some(top),
            (first, top) => first.or(top),
        };
        first.map(|entry| (entry.at, entry.key))
    }

    /// The deadline of `key`, if it has one.
    pub(crate) fn at(&self, key: TimerKey) -> Option<Time> {
        let (places, slot) = match key {
            TimerKey::Request(slot) => (&self.requests, slot),
            TimerKey::Connection(slot) => (&self.connections, slot),
        };
        let place = *places.get(slot as usize)?;
        if place == ABSENT {
            None
        } else if place & IN_LINE != 0 {
            Some(self.line[place & !IN_LINE].entry.at)
        } else {
            Some(self.heap[place as usize].at)
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len() + self.line.len()
    }

    /// All of them, in no order.
    #[cfg(feature = "check")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let line = self.line.iter().map(|(_, waiting)| &waiting.entry);
        line.chain(&self.heap)
    }

    fn places(&mut self, key: TimerKey) -> (&mut Vec<u32>, usize) {
        match key {
            TimerKey::Request(slot) => (&mut self.requests, slot as usize),
            TimerKey::Connection(slot) => (&mut self.connections, slot as usize),
        }
    }

    fn note(&mut self, key: TimerKey, place: u32) {
        let (places, slot) = self.places(key);
        if slot >= places.len() {
            places.resize(slot + 1, ABSENT);
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
        self.note(self.heap[at].key, at as u32);
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
        assert_eq!((timers.heap.capacity(), timers.requests.capacity()), (0, 0));
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
