//! Records addressed by small numbers, and lists that link them.

use std::ops::{Index, IndexMut};

/// The value of a link that leads to no record.
pub(crate) const NIL: u32 = u32::MAX;

/// An arena with more slots than this frees its memory when its last record is removed.
pub(crate) const KEPT_WHEN_EMPTY: usize = 1024;

/// Records by slot number. The slot freed last is reused first, so that slots stay dense.
///
/// The arena grows by a sixteenth at a time: little of its memory is unused, and the system grows
/// large blocks without a copy. (The crate `slab` moves each record out when it removes it, and
/// numbers slots by `usize`.)
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Arena<T> {
    slots: Vec<Record<T>>,
    /// The first in the list of vacant slots.
    vacant: u32,
    len: u32,
}

#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
enum Record<T> {
    Kept(T),
    /// A vacant slot, with the next vacant slot; the last one has the number of slots.
    Vacant(u32),
}

impl<T> Arena<T> {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            vacant: 0,
            len: 0,
        }
    }

    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let slot = self.vacant;
        self.len += 1;
        match self.slots.get_mut(slot as usize) {
            Some(place) => {
                let Record::Vacant(next) = *place else {
                    is_kept();
                };
                self.vacant = next;
                *place = Record::Kept(value);
            }
            None => self.append(value),
        }
        slot
    }

    #[inline]
    fn append(&mut self, value: T) {
        assert!(self.vacant != NIL, "fewer than 2^32 - 1 records");
        if self.slots.len() == self.slots.capacity() {
            self.grow();
        }
        self.slots.push(Record::Kept(value));
        self.vacant += 1;
    }

    #[cold]
    fn grow(&mut self) {
        self.slots.reserve_exact(self.slots.len() / 16 + 8);
    }

    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) -> T {
        let place = &mut self.slots[slot as usize];
        let Record::Kept(value) = std::mem::replace(place, Record::Vacant(self.vacant)) else {
            is_vacant();
        };
        self.leave(slot);
        value
    }

    /// Removes a record without returning it.
    #[inline]
    pub(crate) fn discard(&mut self, slot: u32) {
        match self.slots.get_mut(slot as usize) {
            Some(place @ Record::Kept(_)) => *place = Record::Vacant(self.vacant),
            _ => is_vacant(),
        }
        self.leave(slot);
    }

    #[inline]
    fn leave(&mut self, slot: u32) {
        self.vacant = slot;
        self.len -= 1;
        if self.len == 0 && self.slots.len() > KEPT_WHEN_EMPTY {
            *self = Self::new();
        }
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        match self.slots.get(slot as usize) {
            Some(Record::Kept(value)) => Some(value),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// All records, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let slots = (0..).zip(&self.slots);
        slots.filter_map(|(slot, place)| match place {
            Record::Kept(value) => Some((slot, value)),
            Record::Vacant(_) => None,
        })
    }
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, slot: u32) -> &T {
        match self.slots.get(slot as usize) {
            Some(Record::Kept(value)) => value,
            _ => is_vacant(),
        }
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut T {
        match self.slots.get_mut(slot as usize) {
            Some(Record::Kept(value)) => value,
            _ => is_vacant(),
        }
    }
}

#[cold]
#[inline(never)]
fn is_vacant() -> ! {
    panic!("who names a slot has its record there");
}

#[cold]
#[inline(never)]
fn is_kept() -> ! {
    panic!("the list of vacant slots leads to such only");
}

/// The neighbours of a record in one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) previous: u32,
    pub(crate) next: u32,
}

impl Link {
    pub(crate) const UNLINKED: Self = Self {
        previous: NIL,
        next: NIL,
    };
}

/// A doubly linked list through the records of an arena: every change is O(1).
///
/// `link` picks the record's [`Link`] that belongs to this list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) front: u32,
    pub(crate) back: u32,
}

impl List {
    pub(crate) const EMPTY: Self = Self {
        front: NIL,
        back: NIL,
    };

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.front == NIL
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<u32> {
        (self.front != NIL).then_some(self.front)
    }

    #[inline]
    pub(crate) fn back(&self) -> Option<u32> {
        (self.back != NIL).then_some(self.back)
    }

    #[inline]
    pub(crate) fn push_back<T>(
        &mut self,
        arena: &mut Arena<T>,
        slot: u32,
        link: fn(&mut T) -> &mut Link,
    ) {
        *link(&mut arena[slot]) = Link {
            previous: self.back,
            next: NIL,
        };
        match self.back() {
            Some(back) => link(&mut arena[back]).next = slot,
            None => self.front = slot,
        }
        self.back = slot;
    }

    #[inline]
    pub(crate) fn remove<T>(
        &mut self,
        arena: &mut Arena<T>,
        slot: u32,
        link: fn(&mut T) -> &mut Link,
    ) {
        let Link { previous, next } = std::mem::replace(link(&mut arena[slot]), Link::UNLINKED);
        match previous {
            NIL => self.front = next,
            _ => link(&mut arena[previous]).next = next,
        }
        match next {
            NIL => self.back = previous,
            _ => link(&mut arena[next]).previous = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_leaves_no_memory_behind_and_a_few_keep_theirs() {
        let mut arena = Arena::new();
        for crowd in [10, 10_000] {
            let slots: Vec<u32> = (0..crowd).map(|number| arena.insert(number)).collect();
            assert!(arena.slots.capacity() < crowd * 17 / 16 + 16);
            for slot in slots {
                arena.remove(slot);
            }
            assert_eq!(arena.slots.capacity() > 0, crowd == 10);
        }
    }

    struct Record(Link);

    fn link(record: &mut Record) -> &mut Link {
        &mut record.0
    }

    fn order(arena: &Arena<Record>, list: &List) -> Vec<u32> {
        let mut slots = Vec::new();
        let mut at = list.front;
        while at != NIL {
            slots.push(at);
            at = arena[at].0.next;
        }
        assert_eq!(slots.last().copied(), list.back());
        slots
    }

    #[test]
    fn records_leave_a_list_from_any_place() {
        let mut arena = Arena::new();
        let mut list = List::EMPTY;
        for _ in 0..4 {
            let slot = arena.insert(Record(Link::UNLINKED));
            list.push_back(&mut arena, slot, link);
        }
        assert_eq!(order(&arena, &list), [0, 1, 2, 3]);
        list.remove(&mut arena, 1, link);
        assert_eq!(order(&arena, &list), [0, 2, 3]);
        list.remove(&mut arena, 3, link);
        assert_eq!(order(&arena, &list), [0, 2]);
        list.remove(&mut arena, 0, link);
        list.push_back(&mut arena, 1, link);
        assert_eq!(order(&arena, &list), [2, 1]);
        list.remove(&mut arena, 2, link);
        list.remove(&mut arena, 1, link);
        assert!(list.is_empty());
        assert_eq!(list.front(), None);
    }
}
