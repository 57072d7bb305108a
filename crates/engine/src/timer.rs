//! Deadlines of requests and connections: an indexed heap, so that each can be withdrawn.

use crate::time::Time;
const ABSENT: u32 = u32::MAX;
const BRANCHES: usize = 4;

/// Whose deadline it is. Each record has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerKey {
    Request(u32),
    Connection(u32),
}

#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Entry {
    pub(crate) at: Time,
    /// Breaks ties: what was set first is due first.
    pub(crate) serial: u64,
    pub(crate) key: TimerKey,
}

/// All deadlines of an engine. Setting and withdrawing one costs O(log n).
#[derive(Debug, Default)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Timers {
    pub(crate) heap: Vec<Entry>,
    pub(crate) requests: Vec<u32>,
    pub(crate) connections: Vec<u32>,
    pub(crate) serial: u64,
}

impl Timers {
    /// Sets the deadline of `key`, in place of an earlier one; `None` withdraws it.
    pub(crate) fn set(&mut self, key: TimerKey, at: Option<Time>) {
        self.withdraw(key);
        if let Some(at) = at {
            self.serial += 1;
            let serial = self.serial;
            self.heap.push(Entry { at, serial, key });
            self.rise(self.heap.len() - 1);
        }
    }

    pub(crate) fn withdraw(&mut self, key: TimerKey) {
        let place = std::mem::replace(self.place(key), ABSENT);
        if place == ABSENT {
            return;
        }
        let place = place as usize;
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.sink(place);
            self.rise(place);
        }
    }

    /// The earliest deadline.
    pub(crate) fn peek(&self) -> Option<(Time, TimerKey)> {
        self.heap.first().map(|entry| (entry.at, entry.key))
    }

    /// The deadline of `key`, if it has one.
    pub(crate) fn at(&self, key: TimerKey) -> Option<Time> {
        let (places, slot) = match key {
            TimerKey::Request(slot) => (&self.requests, slot),
            TimerKey::Connection(slot) => (&self.connections, slot),
        };
        let place = *places.get(slot as usize)?;
        (place != ABSENT).then(|| self.heap[place as usize].at)
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    fn place(&mut self, key: TimerKey) -> &mut u32 {
        let (places, slot) = match key {
            TimerKey::Request(slot) => (&mut self.requests, slot as usize),
            TimerKey::Connection(slot) => (&mut self.connections, slot as usize),
        };
        if slot >= places.len() {
            places.resize(slot + 1, ABSENT);
        }
        &mut places[slot]
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / BRANCHES;
            if !self.earlier(at, parent) {
                break;
            }
            self.heap.swap(at, parent);
            self.note(at);
            at = parent;
        }
        self.note(at);
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
            self.note(at);
            at = child;
        }
        self.note(at);
    }

    fn earlier(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.heap[a], &self.heap[b]);
        (a.at, a.serial) < (b.at, b.serial)
    }

    fn note(&mut self, at: usize) {
        let key = self.heap[at].key;
        *self.place(key) = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_come_out_in_order_whatever_was_withdrawn() {
        let start = Time::START;
        let mut timers = Timers::default();
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
    fn equal_deadlines_are_due_in_the_order_they_were_set() {
        let start = Time::START;
        let mut timers = Timers::default();
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
