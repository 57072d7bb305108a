//! The waiting requests of one host, in order of arrival.

use crate::arena::{Arena, List, NIL};
use crate::request::{Request, Stage};

/// A queue in three runs: owners of attempts, requests with a claim for room in total, and requests
/// that wait behind their host's limit. Every change is O(1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue {
    pub(crate) list: List,
    pub(crate) len: u32,
    pub(crate) first_claimed: u32,
    pub(crate) first_parked: u32,
}

impl Queue {
    pub(crate) const EMPTY: Self = Self {
        list: List::EMPTY,
        len: 0,
        first_claimed: NIL,
        first_parked: NIL,
    };

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The request that came first.
    #[inline]
    pub(crate) fn front(&self) -> Option<u32> {
        self.list.front()
    }

    /// The first request without an attempt of its own.
    #[inline]
    pub(crate) fn first_unattended(&self) -> Option<u32> {
        self.first_claimed().or_else(|| self.first_parked())
    }

    #[inline]
    pub(crate) fn first_claimed(&self) -> Option<u32> {
        (self.first_claimed != NIL).then_some(self.first_claimed)
    }

    #[inline]
    pub(crate) fn first_parked(&self) -> Option<u32> {
        (self.first_parked != NIL).then_some(self.first_parked)
    }

    /// Adds a request at the end, parked.
    pub(crate) fn push<D>(&mut self, requests: &mut Arena<Request<D>>, slot: u32) {
        debug_assert!(requests[slot].stage.is_parked(), "it is to wait");
        self.list.push_back(requests, slot, Request::link);
        self.len += 1;
        if self.first_parked == NIL {
            self.first_parked = slot;
        }
    }

    /// Turns the first parked request into the last claimed one.
    pub(crate) fn claim<D>(&mut self, requests: &mut Arena<Request<D>>, slot: u32) {
        debug_assert_eq!(self.first_parked, slot, "claims go in order");
        requests[slot].stage = Stage::Claimed;
        self.first_parked = requests[slot].link.next;
        if self.first_claimed == NIL {
            self.first_claimed = slot;
        }
    }

    /// The last request with a claim.
    pub(crate) fn last_claimed<D>(&self, requests: &Arena<Request<D>>) -> Option<u32> {
        self.first_claimed()?;
        match self.first_parked() {
            Some(parked) => Some(requests[parked].link.previous),
            None => self.list.back(),
        }
    }

    /// Turns the last claimed request into the first parked one, with the overtakes before it as they were.
    pub(crate) fn park<D>(
        &mut self,
        requests: &mut Arena<Request<D>>,
        slot: u32,
        overtakes_before: u64,
    ) {
        debug_assert_eq!(
            self.last_claimed(requests),
            Some(slot),
            "the last goes first"
        );
        requests[slot].stage = Stage::Parked(overtakes_before as u32);
        self.first_parked = slot;
        if self.first_claimed == slot {
            self.first_claimed = NIL;
        }
    }

    /// Gives the first request without an attempt the one in slot `attempt`.
    pub(crate) fn attend<D>(&mut self, requests: &mut Arena<Request<D>>, slot: u32, attempt: u32) {
        debug_assert_eq!(self.first_unattended(), Some(slot), "attempts go in order");
        self.step_over(requests, slot);
        requests[slot].stage = Stage::Attended(attempt);
    }

    /// Takes a request out, wherever it stands.
    pub(crate) fn remove<D>(&mut self, requests: &mut Arena<Request<D>>, slot: u32) {
        self.step_over(requests, slot);
        self.list.remove(requests, slot, Request::link);
        self.len -= 1;
    }

    /// Moves the starts of the runs past a request that leaves its run.
    fn step_over<D>(&mut self, requests: &Arena<Request<D>>, slot: u32) {
        let next = requests[slot].link.next;
        if self.first_claimed == slot {
            let claimed = next != NIL && requests[next].stage == Stage::Claimed;
            self.first_claimed = if claimed { next } else { NIL };
        }
        if self.first_parked == slot {
            self.first_parked = next;
        }
    }
}
