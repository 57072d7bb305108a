//! Hosts: the queue, the connections and the figures of each, found by key.

use std::num::NonZeroU32;

use hashbrown::HashTable;

use crate::arena::{Arena, Link, List};
use crate::connection::State;
use crate::ids::HostId;
use crate::queue::Queue;
use crate::tally::Tally;

/// One host. What a hit looks at comes first, and is together.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
#[repr(C)]
pub(crate) struct Host<K> {
    pub(crate) key: K,
    /// Open connections that could serve another request, the one returned first in front.
    pub(crate) available: List,
    pub(crate) queue: Queue,
    /// Attempts whose request has gone.
    pub(crate) orphans: List,
    /// Claims for room, and grants on their way.
    pub(crate) reserved: u32,
    pub(crate) counts: Tally,
    pub(crate) hash: u64,
    pub(crate) serial: u64,
    /// How many overtakes there had been when it was last at its own limit.
    pub(crate) mark: u64,
    pub(crate) vacant_link: Link,
    /// Its own in place of `max_per_host`; a host that has one is never forgotten.
    pub(crate) own_limit: Option<NonZeroU32>,
    pub(crate) vacant: bool,
}

impl<K> Host<K> {
    fn vacant_link(&mut self) -> &mut Link {
        &mut self.vacant_link
    }

    /// Whether there is a request that may want an attempt, or an attempt without a request.
    pub(crate) fn wants_balance(&self) -> bool {
        !self.queue.is_empty() || !self.orphans.is_empty()
    }

    /// Connections that count against the host's limit: those that are open, or are to be.
    pub(crate) fn in_use(&self) -> usize {
        self.counts.open as usize + self.reserved as usize
    }

    /// How many connections it may have, where those without a limit of their own may have
    /// `usual`.
    #[inline]
    pub(crate) fn limit(&self, usual: usize) -> usize {
        self.own_limit.map_or(usual, |own| own.get() as usize)
    }

    /// Whether its record may be forgotten.
    pub(crate) fn is_unused(&self) -> bool {
        let free = self.counts.open == 0 && self.reserved == 0 && self.queue.is_empty();
        free && self.own_limit.is_none()
    }
}

/// All hosts of an engine. Hosts in use stay; some more are remembered, those used last.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Hosts<K> {
    pub(crate) table: HashTable<u32>,
    pub(crate) arena: Arena<Host<K>>,
    pub(crate) vacant: List,
    pub(crate) remembered: usize,
    pub(crate) serial: u64,
    /// Figures of hosts no longer remembered are part of it.
    pub(crate) total: Tally,
}

impl<K: Eq + Clone> Hosts<K> {
    pub(crate) fn new(remembered: usize) -> Self {
        Self {
            table: HashTable::new(),
            arena: Arena::new(),
            vacant: List::EMPTY,
            remembered,
            serial: 0,
            total: Tally::default(),
        }
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &K) -> Option<u32> {
        let arena = &self.arena;
        self.table
            .find(hash, |&slot| arena[slot].key == *key)
            .copied()
    }

    /// Finds a host, or makes its record.
    pub(crate) fn enter(&mut self, hash: u64, key: &K) -> HostId {
        let slot = self
            .find(hash, key)
            .unwrap_or_else(|| self.insert(hash, key));
        self.id(slot)
    }

    fn insert(&mut self, hash: u64, key: &K) -> u32 {
        self.serial += 1;
        let slot = self.arena.insert(Host {
            key: key.clone(),
            hash,
            serial: self.serial,
            queue: Queue::EMPTY,
            available: List::EMPTY,
            orphans: List::EMPTY,
            reserved: 0,
            counts: Tally::default(),
            mark: 0,
            vacant_link: Link::UNLINKED,
            own_limit: None,
            vacant: true,
        });
        let arena = &self.arena;
        self.table
            .insert_unique(hash, slot, |&other| arena[other].hash);
        self.vacate(slot);
        slot
    }

    fn vacate(&mut self, slot: u32) {
        self.vacant
            .push_back(&mut self.arena, slot, Host::vacant_link);
        if self.vacant.len as usize > self.remembered
            && let Some(oldest) = self.vacant.front()
        {
            self.vacant
                .remove(&mut self.arena, oldest, Host::vacant_link);
            self.forget(oldest);
        }
    }

    fn forget(&mut self, slot: u32) {
        let host = self.arena.remove(slot);
        if let Ok(entry) = self.table.find_entry(host.hash, |&other| other == slot) {
            entry.remove();
        }
    }

    pub(crate) fn id(&self, slot: u32) -> HostId {
        HostId {
            slot,
            serial: self.arena[slot].serial,
        }
    }

    pub(crate) fn get(&self, id: HostId) -> Option<&Host<K>> {
        self.arena
            .get(id.slot)
            .filter(|host| host.serial == id.serial)
    }

    /// Whether there is a host in this slot.
    pub(crate) fn is_known(&self, slot: u32) -> bool {
        self.arena.get(slot).is_some()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Host<K>)> {
        self.arena.iter()
    }

    #[inline]
    pub(crate) fn at(&self, slot: u32) -> &Host<K> {
        &self.arena[slot]
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut Host<K> {
        &mut self.arena[slot]
    }

    /// Changes the figures of a host and of all hosts alike.
    #[inline]
    pub(crate) fn count(&mut self, slot: u32, change: impl Fn(&mut Tally)) {
        change(&mut self.arena[slot].counts);
        change(&mut self.total);
    }

    /// Counts a connection from one state to another.
    pub(crate) fn count_move(&mut self, slot: u32, from: State, to: State) {
        self.count(slot, |counts| {
            *counts.gauge(from) -= 1;
            *counts.gauge(to) += 1;
        });
    }

    /// Counts a connection that is there from now on.
    pub(crate) fn count_in(&mut self, slot: u32, state: State) {
        self.count(slot, |counts| {
            *counts.gauge(state) += 1;
            counts.open += 1;
        });
        self.note_use(slot);
    }

    /// Counts a connection that is there no more.
    pub(crate) fn count_out(&mut self, slot: u32, state: State) {
        self.count(slot, |counts| {
            *counts.gauge(state) -= 1;
            counts.open -= 1;
        });
        self.note_use(slot);
    }

    /// Keeps the list of vacant hosts true after a change of one host's use.
    pub(crate) fn note_use(&mut self, slot: u32) {
        let host = &mut self.arena[slot];
        let vacant = host.is_unused();
        if vacant == host.vacant {
            return;
        }
        host.vacant = vacant;
        if vacant {
            self.vacate(slot);
        } else {
            self.vacant.remove(&mut self.arena, slot, Host::vacant_link);
        }
    }

    /// Keeps the list of vacant hosts true after many changes. Hosts may be forgotten by it.
    pub(crate) fn note_all(&mut self) {
        let hosts: Vec<u32> = self.arena.iter().map(|(slot, _)| slot).collect();
        for slot in hosts {
            if self.is_known(slot) {
                self.note_use(slot);
            }
        }
    }

    /// How many hosts can be found by their keys.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn vacant(&self) -> usize {
        self.vacant.len as usize
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_record_is_small() {
        assert_eq!(size_of::<super::Host<u64>>(), 152);
    }
}
