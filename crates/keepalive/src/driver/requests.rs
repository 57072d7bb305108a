//! Requests: making one, taking its answer, withdrawing it.

use std::panic::Location;
use std::task::{Context, Poll, Waker};

use keepalive_engine::{Ask, ConnectionId, HostId, RequestId, Room, Time, Timing, Waiting};

use crate::api::error::AllocateError;
use crate::api::host::Host;
use crate::api::request::Request;
use crate::connect::{Connector, Unusable};
use crate::driver::common::CommonRoom;
use crate::driver::contain::contain;
use crate::driver::effects::Effects;
use crate::driver::live::Live;
use crate::driver::shard::{Cell, Leased, Letter, Shard};
use crate::driver::{Driver, NO_RUNTIME};
use crate::sync::Arc;

/// The result of making a request.
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    /// The error, if the request did not reach an engine.
    pub(crate) refused: Option<AllocateError>,
    /// Whether the caller's waker is registered for the answer.
    pub(crate) listens: bool,
}

/// A connection that was held for a request and has become unusable.
pub(crate) struct Gone<C: Connector> {
    /// The caller must drop it outside the lock.
    pub(crate) handle: Option<Box<Live<C>>>,
    pub(crate) why: Unusable,
}

/// An answer in the form that its user takes.
pub(crate) type Outcome<C> = Result<Box<Live<C>>, AllocateError>;

impl<C: Connector> Driver<C> {
    /// Makes a request, and takes an idle connection if the fast path applies. Otherwise it acts
    /// like [`ask`](Self::ask), but registers `waker` for the answer of a request that has to wait.
    pub(crate) fn lease(
        self: &Arc<Self>,
        request: &Request,
        location: &'static Location<'static>,
        waker: &Waker,
    ) -> Result<Box<Live<C>>, Asked> {
        let era = self.home.era();
        if era == NO_RUNTIME || self.home.is_elsewhere() {
            return Err(self.ask(request, location));
        }
        let now = self.common.now();
        let mut shard = self.lock(self.shard_of(request));
        if shard.past + 1 >= era {
            let mut room = self.common.room();
            match shard.lease(request, location, waker, now, &mut room) {
                Some(Leased::Here(live)) => return Ok(live),
                Some(Leased::Waits(id)) => {
                    let mut effects = Effects::new();
                    self.conclude(shard, now, room, &mut effects);
                    self.finish(&mut effects);
                    return Err(Asked {
                        id,
                        refused: None,
                        listens: true,
                    });
                }
                Some(Leased::Gone(id, gone)) => {
                    let mut effects = Effects::new();
                    shard.reject(now, &mut room, id, gone.why);
                    self.conclude(shard, now, room, &mut effects);
                    // Before its connection closes.
                    if let Some(handle) = gone.handle {
                        handle.discard();
                    }
                    self.finish(&mut effects);
                    return Err(Asked {
                        id,
                        refused: None,
                        listens: false,
                    });
                }
                None => {}
            }
        }
        let mut effects = Effects::new();
        let asked = self.collect_within(shard, now, &mut effects, |shard, now, room| {
            let id = self.request(request, location, shard, now, room);
            // An attempt that begins now may end before this call returns.
            let listens = shard.engine.is_queued(id);
            if listens {
                shard.wake_when_answered(id, waker);
            }
            Asked {
                id,
                refused: None,
                listens,
            }
        });
        self.finish(&mut effects);
        Err(asked)
    }

    /// Makes a request. It may be refused before it reaches an engine.
    pub(crate) fn ask(
        self: &Arc<Self>,
        request: &Request,
        location: &'static Location<'static>,
    ) -> Asked {
        let shard = self.shard_of(request);
        if let Err(cause) = self.ensure_home() {
            let id = RequestId::outside(self.lock(shard).number(), shard);
            let error = AllocateError::new(id, request.host().clone(), Timing::default(), cause);
            return Asked {
                id,
                refused: Some(error),
                listens: false,
            };
        }
        let id = self.input(shard, |shard, now, room| {
            self.request(request, location, shard, now, room)
        });
        Asked {
            id,
            refused: None,
            listens: false,
        }
    }

    fn request(
        &self,
        request: &Request,
        location: &'static Location<'static>,
        shard: &mut Shard<C>,
        now: Time,
        room: &mut CommonRoom<'_>,
    ) -> RequestId {
        shard.follow(now, room, self.home.past(self.home.era()));
        shard.engine.tick(now, room);
        let host = request.host();
        let ask = Ask {
            host: shard.host(&self.connector, host),
            number: shard.number(),
            timeout: request.own_timeout(),
            queue_timeout: request.own_queue_timeout(),
        };
        let id = shard.engine.request(now, room, ask);
        shard.cell(id).location = location;
        id
    }

    /// Takes the answer of a request for `host`, or registers the waker of `context` for it.
    pub(crate) fn poll_answer(
        self: &Arc<Self>,
        id: RequestId,
        host: &Host,
        context: &mut Context<'_>,
    ) -> Poll<Outcome<C>> {
        let mut shard = self.lock(id.shard());
        while let Some(held) = shard.held_for(id) {
            match shard.hand_out(id, held, self.common.now()) {
                Ok(live) => {
                    shard.forget_answer(id);
                    return Poll::Ready(Ok(live));
                }
                Err(Gone { handle, why }) => {
                    // The connection became unusable before its answer was taken, so the request
                    // waits again.
                    drop(shard);
                    if let Some(handle) = handle {
                        handle.discard();
                    }
                    self.input(id.shard(), |shard, now, room| {
                        if shard.held_for(id) == Some(held) {
                            shard.forget_answer(id);
                            shard.reject(now, room, id, why);
                        }
                    });
                    shard = self.lock(id.shard());
                }
            }
        }
        if let Some(cause) = shard.take_refusal(id) {
            let timing = shard.engine.timing(id).expect(ANSWERED);
            shard.engine.take(id);
            drop(shard);
            let error = AllocateError::new(id, host.clone(), timing, cause);
            return Poll::Ready(Err(error));
        }
        let replaced = shard.wake_when_answered(id, context.waker());
        drop(shard);
        drop(replaced);
        Poll::Pending
    }

    /// Posts a letter once the answer is ready, possibly now.
    pub(crate) fn post_when_answered(self: &Arc<Self>, id: RequestId, letter: Box<dyn Letter>) {
        let now = self.lock(id.shard()).post_when_answered(id, letter);
        if let Some(unwanted) = now.and_then(Letter::post) {
            self.forget(unwanted);
        }
    }

    pub(crate) fn cancel(self: &Arc<Self>, id: RequestId) -> bool {
        usize::from(id.shard().0) < self.shards.len()
            && self.input(id.shard(), |shard, now, room| {
                shard.look_at_held(id, now, room);
                shard.engine.cancel(now, room, id)
            })
    }

    /// Forgets a request whose answer nobody will take.
    pub(crate) fn forget(self: &Arc<Self>, id: RequestId) {
        let mut shard = self.lock(id.shard());
        let parked = shard.engine.forget_parked(&mut self.common.room(), id);
        drop(shard);
        if parked.is_some() {
            contain(|| drop(parked));
            return;
        }
        let leftover = self.input(id.shard(), |shard, now, room| shard.forget(id, now, room));
        // A panic in one dropped request must not keep its owner from dropping others.
        contain(|| drop(leftover));
    }

    pub(crate) fn waiting(&self, id: RequestId) -> Option<Waiting> {
        let shard = self.shards.get(usize::from(id.shard().0))?.0.lock();
        shard
            .engine
            .waiting(self.common.now(), &mut self.common.room(), id)
    }

    /// The time of a request, by phase.
    pub(crate) fn timing(&self, id: RequestId) -> Option<Timing> {
        self.lock(id.shard()).engine.timing(id)
    }
}

impl<C: Connector> Shard<C> {
    /// Returns the record of a host, and creates it if there is none.
    pub(crate) fn host(&mut self, connector: &C, host: &Host) -> HostId {
        let shares = || contain(|| connector.shares(host)).unwrap_or(false);
        self.engine.host_with(host.hash_value(), host, shares)
    }

    /// Gives a request the connection that is held for it, as a whole or as a handle. If the
    /// connection has become unusable, this is an error, and the caller must reject the request.
    ///
    /// Every connection reaches its user through this function, so it checks each.
    #[inline]
    pub(crate) fn hand_out(
        &mut self,
        request: RequestId,
        id: ConnectionId,
        now: Time,
    ) -> Result<Box<Live<C>>, Gone<C>> {
        let mut live = self.take_live(id).expect(HERE);
        let mut lent = if live.is_main() {
            self.put(live);
            self.share_out(id, now)?
        } else {
            // A runtime that is no longer the home may never deliver events.
            let past = self.is_past(live.era());
            let doubtful = live.is_suspect() || live.is_stale(now);
            if past || (doubtful && live.check().is_err()) {
                self.put(live);
                return Err(self.gone(id, None));
            }
            live.stop_watching();
            live
        };
        lent.request = request;
        lent.from_cache = self.engine.take(request).expect(ANSWERED).from_cache;
        Ok(lent)
    }

    /// A handle of a shared connection, checked as [`hand_out`](Self::hand_out) does. While other
    /// leases use the connection, only its watch can raise a doubt.
    fn share_out(&mut self, id: ConnectionId, now: Time) -> Result<Box<Live<C>>, Gone<C>> {
        let (past, crowded) = (self.past, self.engine.is_crowded(id));
        let live = self.live(id).expect(HERE);
        let doubtful = live.is_suspect() || (live.is_stale(now) && !crowded);
        let handle = live.share();
        let past = live.era() <= past;
        match handle {
            Some(handle) if !past && (!doubtful || live.check().is_ok()) => Ok(handle),
            handle => Err(self.gone(id, handle)),
        }
    }

    /// Rejects the connection that is held for a request, because it is unusable. `why` becomes the
    /// answer if the request has had too many such connections.
    fn reject(&mut self, now: Time, room: &mut impl Room, id: RequestId, why: Unusable) {
        self.failure = Some(why.into());
        self.engine.reject(now, room, id);
    }

    #[cold]
    fn gone(&mut self, id: ConnectionId, handle: Option<Box<Live<C>>>) -> Gone<C> {
        let why = self.live(id).expect(HERE).why_unusable();
        Gone { handle, why }
    }

    /// Forgets a request whose answer nobody will take. The caller must drop the result outside the
    /// lock.
    pub(crate) fn forget(
        &mut self,
        id: RequestId,
        now: Time,
        room: &mut impl Room,
    ) -> Option<Cell> {
        self.look_at_held(id, now, room);
        self.engine.forget(now, room, id)
    }

    /// Looks at the connection that is held for a request, because it may go to another user now.
    fn look_at_held(&mut self, id: RequestId, now: Time, room: &mut impl Room) {
        if let Some(held) = self.held_for(id) {
            self.look_at(held, now, room);
        }
    }
}

const HERE: &str = "a connection that is held for a request is here";
const ANSWERED: &str = "an answered request can be taken";
