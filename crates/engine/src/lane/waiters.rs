//! The requests that wait in a lane.

use std::mem;

use super::Arrival;
use super::returned::Waits;
use crate::arena::NIL;
use crate::time::Time;

/// The requests that wait in a lane, in order of arrival, and those that have not taken their
/// connections.
#[derive(Clone, Debug)]
pub(super) struct Waiters<D, W> {
    pub(super) all: Vec<Waiter<D, W>>,
    pub(super) first: u32,
    last: u32,
    /// A record without a request; the others follow by [`Waiter::next`].
    vacant: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Waiter<D, W> {
    pub(super) number: u64,
    pub(super) since: Time,
    pub(super) arrival: Arrival,
    pub(super) data: D,
    pub(super) stage: Stage<W>,
    pub(super) next: u32,
    pub(super) previous: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Stage<W> {
    Waits(W),
    /// It has the connection of this entry.
    Assigned(u32),
    Gone,
}

impl<D: Copy, W> Waiters<D, W> {
    pub(super) const fn new() -> Self {
        Self {
            all: Vec::new(),
            first: NIL,
            last: NIL,
            vacant: NIL,
        }
    }

    /// Adds a request at the end.
    #[inline]
    pub(super) fn push(&mut self, waiter: Waiter<D, W>) -> u32 {
        let previous = self.last;
        let waiter = Waiter { previous, ..waiter };
        let index = match self.all.get_mut(self.vacant as usize) {
            Some(vacant) => {
                let index = mem::replace(&mut self.vacant, vacant.next);
                *vacant = waiter;
                index
            }
            None => self.append(waiter),
        };
        match self.all.get_mut(previous as usize) {
            Some(previous) => previous.next = index,
            None => self.first = index,
        }
        self.last = index;
        index
    }

    fn append(&mut self, waiter: Waiter<D, W>) -> u32 {
        if self.all.len() == self.all.capacity() {
            // Little of its memory is unused, as in the engine's arenas.
            self.all.reserve_exact(self.all.len() / 16 + 8);
        }
        let index = u32::try_from(self.all.len()).expect("requests are counted by u32");
        self.all.push(waiter);
        index
    }

    /// Takes out the request that waits longest. There must be one.
    #[inline]
    pub(super) fn pop(&mut self) -> &mut Waiter<D, W> {
        let index = self.first;
        self.unlink(index);
        &mut self.all[index as usize]
    }

    /// Takes a request out of the order.
    #[inline]
    pub(super) fn unlink(&mut self, index: u32) {
        let Waiter { next, previous, .. } = self.all[index as usize];
        match self.all.get_mut(next as usize) {
            Some(next) => next.previous = previous,
            None => self.last = previous,
        }
        match self.all.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.first = next,
        }
    }

    #[inline]
    pub(super) fn free(&mut self, index: u32) {
        let waiter = &mut self.all[index as usize];
        waiter.stage = Stage::Gone;
        waiter.next = mem::replace(&mut self.vacant, index);
    }

    /// Takes out all, and returns those that wait.
    pub(super) fn end(&mut self) -> Vec<Waits<D, W>> {
        let mut waiting = Vec::new();
        let mut at = self.first;
        while let Some(waiter) = self.all.get_mut(at as usize) {
            at = waiter.next;
            if let Stage::Waits(waker) = mem::replace(&mut waiter.stage, Stage::Gone) {
                waiting.push(Waits {
                    number: waiter.number,
                    since: waiter.since,
                    arrival: waiter.arrival,
                    data: waiter.data,
                    waker,
                });
            }
        }
        *self = Self::new();
        waiting
    }
}
