//! Hosts, found by key: the queue, the connections and the figures of each.

use std::num::NonZeroU32;

use hashbrown::HashTable;

use crate::arena::{Arena, List};
use crate::connection::State;
use crate::counters::Counters;
use crate::counters::Counts;
use crate::ids::HostId;
use crate::queue::Queue;
use crate::request::FromCache;
use crate::slot_list::SlotList;

/// One host. The fields that a hit reads come first, next to each other.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
#[repr(C)]
pub(crate) struct Host<K> {
    pub(crate) key: K,
    /// Open connections that could serve another request, the one returned first in front.
    pub(crate) available: List,
    /// Whether its connections carry several leases, as far as is known. A vacant slot of the arena
    /// is told by this byte, too.
    pub(crate) shares: bool,
    pub(crate) queue: Queue,
    /// Attempts without owner: their requests have gone.
    pub(crate) orphans: List,
    /// Claims for room, and grants on their way.
    pub(crate) reserved: u32,
    /// Open connections that may come to carry more leases than they do.
    pub(crate) provisional: u32,
    pub(crate) counters: Counters,
    pub(crate) hash: u64,
    /// The count of overtakes when the host was last held up.
    pub(crate) overtakes_before: u64,
    pub(crate) serial: u32,
    /// Its own limit in place of `max_per_host`. A host that has one is never forgotten.
    pub(crate) own_limit: Option<NonZeroU32>,
}

impl<K> Host<K> {
    /// Whether it has waiting requests, or attempts without owner.
    pub(crate) fn wants_balance(&self) -> bool {
        !self.queue.is_empty() || !self.orphans.is_empty()
    }

    /// Connections that count against its limit: in any state, or reserved.
    pub(crate) fn in_use(&self) -> usize {
        self.counters.open() as usize + self.reserved as usize
    }

    /// Its limit of connections; `usual` is that of hosts without a limit of their own.
    #[inline]
    pub(crate) fn limit(&self, usual: usize) -> usize {
        self.own_limit.map_or(usual, |own| own.get() as usize)
    }

    /// Whether its requests wait for the host itself rather than for room in total. They do while
    /// it is at its limit, or the capacity of one of its connections is not known.
    pub(crate) fn is_held_up(&self, usual: usize) -> bool {
        self.counters.open() as usize >= self.limit(usual) || self.awaits_capacity()
    }

    /// Whether a connection to share is being opened, or its peer has not announced how many
    /// requests it allows.
    pub(crate) fn awaits_capacity(&self) -> bool {
        self.awaits_word() || (self.shares && self.counters.connecting > 0)
    }

    /// Whether the peer of a connection to share has not announced how many requests it allows, or
    /// allows none.
    pub(crate) fn awaits_word(&self) -> bool {
        self.shares && self.provisional > 0
    }

    /// Whether it may claim room for one more connection; `usual` is the limit of hosts without
    /// their own.
    ///
    /// A host that shares claims for one connection at a time: each may carry all waiting requests.
    pub(crate) fn may_claim(&self, usual: usize) -> bool {
        let alone = !self.shares || (self.reserved == 0 && !self.awaits_capacity());
        self.in_use() < self.limit(usual) && alone
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counters.counts(self.queue.len())
    }

    /// Whether its record may be forgotten.
    pub(crate) fn is_unused(&self) -> bool {
        let free = self.counters.open() == 0 && self.reserved == 0 && self.queue.is_empty();
        free && self.own_limit.is_none()
    }
}

/// All hosts of an engine. Hosts in use stay. The others used last are remembered.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Hosts<K> {
    pub(crate) table: HashTable<u32>,
    pub(crate) arena: Arena<Host<K>>,
    pub(crate) vacant: SlotList,
    pub(crate) remembered: usize,
    pub(crate) serial: u32,
    /// Figures of all hosts, including forgotten ones.
    pub(crate) total: Counters,
    /// Requests in all queues.
    pub(crate) waiting: usize,
}

impl<K: Eq + Clone> Hosts<K> {
    pub(crate) fn new(remembered: usize) -> Self {
        Self {
            table: HashTable::new(),
            arena: Arena::new(),
            vacant: SlotList::new(),
            remembered,
            serial: 0,
            total: Counters::default(),
            waiting: 0,
        }
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &K) -> Option<u32> {
        let arena = &self.arena;
        self.table
            .find(hash, |&slot| arena[slot].key == *key)
            .copied()
    }

    /// Finds a host, or creates its record.
    pub(crate) fn enter(&mut self, hash: u64, key: &K, shares: impl FnOnce() -> bool) -> HostId {
        let slot = self
            .find(hash, key)
            .unwrap_or_else(|| self.insert(hash, key, shares()));
        self.id(slot)
    }

    fn insert(&mut self, hash: u64, key: &K, shares: bool) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        let slot = self.arena.insert(Host {
            key: key.clone(),
            hash,
            queue: Queue::EMPTY,
            available: List::EMPTY,
            orphans: List::EMPTY,
            reserved: 0,
            provisional: 0,
            counters: Counters::default(),
            overtakes_before: 0,
            serial: self.serial,
            own_limit: None,
            shares,
        });
        let arena = &self.arena;
        self.table
            .insert_unique(hash, slot, |&other| arena[other].hash);
        self.vacate(slot);
        slot
    }

    fn vacate(&mut self, slot: u32) {
        self.vacant.push_back(slot);
        if self.vacant.len() > self.remembered
            && let Some(oldest) = self.vacant.front()
        {
            self.vacant.remove(oldest);
            self.forget(oldest);
        }
    }

    fn forget(&mut self, slot: u32) {
        let host = self.arena.remove(slot);
        if let Ok(entry) = self.table.find_entry(host.hash, |&other| other == slot) {
            entry.remove();
        }
        if self.arena.len() == 0 {
            self.vacant.release();
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

    /// Changes the figures of a host and the totals alike.
    #[inline(always)]
    pub(crate) fn count(&mut self, slot: u32, change: impl Fn(&mut Counters)) {
        change(&mut self.arena[slot].counters);
        change(&mut self.total);
    }

    /// Counts the reuse of a connection, or takes it back.
    #[inline]
    pub(crate) fn count_reuse(
        &mut self,
        slot: u32,
        from_cache: Option<FromCache>,
        change: impl Fn(u64, u64) -> u64,
    ) {
        self.count(slot, |counts| {
            let counter = match from_cache {
                Some(FromCache::Immediate) => &mut counts.reused_immediate,
                Some(FromCache::Deferred) => &mut counts.reused_deferred,
                None => return,
            };
            *counter = change(*counter, 1);
        });
    }

    /// Counts a connection that moves from one state to another.
    pub(crate) fn count_move(&mut self, slot: u32, from: State, to: State) {
        self.count(slot, |counts| {
            *counts.gauge(from) -= 1;
            *counts.gauge(to) += 1;
        });
    }

    /// Counts a new connection.
    pub(crate) fn count_in(&mut self, slot: u32, state: State) {
        self.count(slot, |counts| {
            *counts.gauge(state) += 1;
        });
        self.note_use(slot);
    }

    /// Counts out a connection that has gone.
    pub(crate) fn count_out(&mut self, slot: u32, state: State) {
        self.count(slot, |counts| {
            *counts.gauge(state) -= 1;
        });
        self.note_use(slot);
    }

    /// Updates the list of vacant hosts after one host has changed.
    pub(crate) fn note_use(&mut self, slot: u32) {
        match (self.vacant.contains(slot), self.arena[slot].is_unused()) {
            (false, true) => self.vacate(slot),
            (true, false) => self.vacant.remove(slot),
            (false, false) | (true, true) => {}
        }
    }

    /// Updates the list of vacant hosts after many changes, which may forget hosts.
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
        self.vacant.len()
    }

    /// Figures of all hosts together.
    pub(crate) fn counts(&self) -> Counts {
        self.total.counts(self.waiting)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_record_is_small() {
        assert_eq!(size_of::<super::Host<u64>>(), 128);
    }
}
