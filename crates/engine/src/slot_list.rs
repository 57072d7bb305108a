//! Slots in the order in which they joined: the idle connections of a shard, its attempts without
//! owner, or its vacant hosts.

use crate::arena::{KEPT_WHEN_EMPTY, NIL};

/// A doubly linked list of slots, whose links lie apart from the records. A slot that joins or
/// leaves changes its neighbours, which may lie anywhere: small links stay in the processor's
/// cache.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct SlotList {
    front: u32,
    back: u32,
    len: u32,
    links: Vec<(u32, u32)>,
}

impl SlotList {
    pub(crate) fn new() -> Self {
        Self {
            front: NIL,
            back: NIL,
            len: 0,
            links: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The slot that joined first.
    #[inline]
    pub(crate) fn front(&self) -> Option<u32> {
        (self.front != NIL).then_some(self.front)
    }

    /// Whether a slot has joined and not left.
    #[inline]
    pub(crate) fn contains(&self, slot: u32) -> bool {
        let linked = |&(previous, _): &(u32, u32)| previous != NIL;
        self.front == slot || self.links.get(slot as usize).is_some_and(linked)
    }

    #[inline]
    pub(crate) fn push_back(&mut self, slot: u32) {
        let at = slot as usize;
        if at >= self.links.len() {
            self.grow(at);
        }
        self.links[at] = (self.back, NIL);
        match self.back {
            NIL => self.front = slot,
            back => self.links[back as usize].1 = slot,
        }
        self.back = slot;
        self.len += 1;
    }

    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) {
        let (previous, next) = self.links[slot as usize];
        match previous {
            NIL => self.front = next,
            _ => self.links[previous as usize].1 = next,
        }
        match next {
            NIL => self.back = previous,
            _ => self.links[next as usize].0 = previous,
        }
        self.links[slot as usize].0 = NIL;
        self.len -= 1;
    }

    /// All slots, the one that joined first in front.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        std::iter::successors(self.front(), |&slot| {
            let next = self.links[slot as usize].1;
            (next != NIL).then_some(next)
        })
    }

    /// Frees the memory of a large list once no connection is left.
    pub(crate) fn release(&mut self) {
        if self.links.len() > KEPT_WHEN_EMPTY {
            self.links = Vec::new();
        }
    }

    #[cold]
    fn grow(&mut self, at: usize) {
        if at >= self.links.capacity() {
            self.links
                .reserve_exact(at + 1 + at / 16 - self.links.len());
        }
        self.links.resize(at + 1, (NIL, NIL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(list: &SlotList) -> Vec<u32> {
        let mut slots = Vec::new();
        let mut at = list.front;
        while at != NIL {
            slots.push(at);
            at = list.links[at as usize].1;
        }
        assert_eq!(slots.len(), list.len());
        assert_eq!(
            slots.last().copied(),
            (list.back != NIL).then_some(list.back)
        );
        slots
    }

    #[test]
    fn slots_leave_from_any_place() {
        let mut list = SlotList::new();
        for slot in [3, 0, 2, 1] {
            list.push_back(slot);
        }
        assert_eq!(order(&list), [3, 0, 2, 1]);
        list.remove(0);
        assert_eq!(order(&list), [3, 2, 1]);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|slot| list.contains(slot)),
            [false, true, true, true, false]
        );
        list.remove(1);
        assert_eq!(order(&list), [3, 2]);
        list.remove(3);
        list.push_back(0);
        assert_eq!(order(&list), [2, 0]);
        list.remove(2);
        list.remove(0);
        assert_eq!(order(&list), []);
    }

    #[test]
    fn a_crowd_leaves_no_memory_behind_and_a_few_keep_theirs() {
        for crowd in [10, 10_000] {
            let mut list = SlotList::new();
            (0..crowd).for_each(|slot| list.push_back(slot));
            let room = list.links.capacity();
            assert!(
                (crowd as usize..crowd as usize * 9 / 8 + 16).contains(&room),
                "{room}"
            );
            (0..crowd).for_each(|slot| list.remove(slot));
            list.release();
            assert_eq!(list.links.capacity() > 0, crowd == 10);
        }
    }
}
