//! The contents of a lane that was called back.

use super::{Arrival, Tally};
use crate::ids::RequestId;
use crate::request::{Ask, FromCache};
use crate::time::Time;

/// All that was in a lane, as [`Engine::catch_up`](crate::Engine::catch_up) needs it.
#[derive(Debug)]
pub struct Returned<T, D, W> {
    pub(crate) tally: Tally,
    pub(crate) lent: Vec<Lent<T, D>>,
    pub(crate) waiting: Vec<Waits<D, W>>,
}

/// A connection that was in a lane.
#[derive(Debug)]
pub(crate) struct Lent<T, D> {
    pub(crate) known: u64,
    pub(crate) request: RequestId,
    pub(crate) ask: Ask<()>,
    pub(crate) from_cache: FromCache,
    pub(crate) is_assigned: bool,
    pub(crate) used: u32,
    pub(crate) since: Time,
    pub(crate) queued: u64,
    pub(crate) data: D,
    pub(crate) here: Option<T>,
}

/// A request that waited in a lane.
#[derive(Debug)]
pub(crate) struct Waits<D, W> {
    pub(crate) number: u64,
    pub(crate) since: Time,
    pub(crate) arrival: Arrival,
    pub(crate) data: D,
    pub(crate) waker: W,
}

impl<T, D, W> Returned<T, D, W> {
    /// Takes the connections and the wakers out, and makes the engine's data about their requests. A
    /// connection that a request has not taken yet comes with `true`.
    pub fn split<E>(
        self,
        mut lent: impl FnMut(D, Option<(T, bool)>) -> E,
        mut waiting: impl FnMut(D, W) -> E,
    ) -> Returned<(), E, ()> {
        let split = |it: Lent<T, D>| Lent {
            known: it.known,
            request: it.request,
            ask: it.ask,
            from_cache: it.from_cache,
            is_assigned: it.is_assigned,
            used: it.used,
            since: it.since,
            queued: it.queued,
            here: it.here.as_ref().map(|_| ()),
            data: lent(it.data, it.here.map(|here| (here, it.is_assigned))),
        };
        let lent = self.lent.into_iter().map(split).collect();
        let split = |it: Waits<D, W>| Waits {
            number: it.number,
            since: it.since,
            arrival: it.arrival,
            data: waiting(it.data, it.waker),
            waker: (),
        };
        Returned {
            tally: self.tally,
            lent,
            waiting: self.waiting.into_iter().map(split).collect(),
        }
    }
}
