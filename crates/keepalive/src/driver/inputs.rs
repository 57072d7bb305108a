//! The inputs of callers: requests, their answers, and connections that come back; and the one way
//! to enter a shard.

use std::panic::Location;
use std::task::{Context, Poll, Waker};

use keepalive_engine::{Place, RequestId, Return, Seat, ShardId, Time, Timing, Waiting};

use crate::api::error::AllocateError;
use crate::api::host::Host;
use crate::api::request::Request;
use crate::connect::Connector;
use crate::driver::answer::Letter;
use crate::driver::common::CommonRoom;
use crate::driver::deferred::catch_panic;
use crate::driver::deferred::{self, Deferred, Work};
use crate::driver::lane::{self, Held, Lane, Parked};
use crate::driver::live::Live;
use crate::driver::shard::{Gone, Leased, Shard};
use crate::driver::{Driver, NO_RUNTIME, ShardRef};
use crate::sync::{Arc, MutexGuard, Ordering};

/// The result of making a request.
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    /// The error, if the request did not reach an engine.
    pub(crate) refused: Option<AllocateError>,
    /// Whether the caller's waker is registered for the answer.
    pub(crate) listens: bool,
}

impl Asked {
    /// A request that its shard has.
    pub(crate) fn in_shard(id: RequestId) -> Self {
        Self {
            id,
            refused: None,
            listens: false,
        }
    }
}

/// A request that has no connection yet.
pub(crate) enum Unanswered {
    /// Its shard has it.
    InShard(Asked),
    /// It waits with this number in the lane that the request has kept.
    InLane(u64, Place),
}

/// An answer in the form that its user takes.
pub(crate) type Outcome<C> = Result<Box<Live<C>>, AllocateError>;

impl<C: Connector> Driver<C> {
    /// Makes one input to a shard under its lock, and then carries out the work that follows from
    /// it without a lock.
    ///
    /// Inputs to an engine that may lead to actions are made by this function or, within deferred
    /// work, by [`enter`](Self::enter). Both call the shard's lanes back first. A hit and a return
    /// may leave them open: [`lease`](Self::lease) and [`give_back`](Self::give_back). Inputs
    /// without actions lock the shard themselves: [`poll_answer`](Self::poll_answer),
    /// [`forget`](Self::forget) of a parked request, and [`limit_host`](Self::limit_host).
    pub(crate) fn with_shard<R>(
        self: &Arc<Self>,
        shard: ShardId,
        input: impl FnOnce(&mut Shard<C>, Time, &mut CommonRoom<'_>) -> R,
    ) -> R {
        let mut deferred = Deferred::new();
        let result = self.enter(shard, &mut deferred, input);
        self.carry_out(&mut deferred);
        result
    }

    /// Like [`with_shard`](Self::with_shard), for an input that calls the lanes back itself if it must.
    fn beside_lanes<R>(
        self: &Arc<Self>,
        shard: ShardId,
        input: impl FnOnce(&mut Shard<C>, Time, &mut CommonRoom<'_>) -> R,
    ) -> R {
        let mut deferred = Deferred::new();
        let result = self.enter_beside_lanes(shard, &mut deferred, input);
        self.carry_out(&mut deferred);
        result
    }

    /// Makes one input to a shard, and adds the work that follows from it to `deferred`. The lanes of
    /// the shard are called back first.
    pub(crate) fn enter<R>(
        &self,
        shard: ShardId,
        deferred: &mut Deferred<C>,
        input: impl FnOnce(&mut Shard<C>, Time, &mut CommonRoom<'_>) -> R,
    ) -> R {
        self.enter_beside_lanes(shard, deferred, |shard, now, room| {
            shard.call_back(now, room);
            input(shard, now, room)
        })
    }

    fn enter_beside_lanes<R>(
        &self,
        shard: ShardId,
        deferred: &mut Deferred<C>,
        input: impl FnOnce(&mut Shard<C>, Time, &mut CommonRoom<'_>) -> R,
    ) -> R {
        let mut shard = self.lock(shard);
        let now = self.now();
        let mut room = self.common.room();
        let result = input(&mut shard, now, &mut room);
        self.conclude(shard, now, room, deferred);
        result
    }

    /// Ends an input: forwards the engine's actions, and releases the lock.
    #[inline(always)]
    pub(crate) fn conclude(
        &self,
        mut shard: MutexGuard<'_, Shard<C>>,
        now: Time,
        mut room: CommonRoom<'_>,
        deferred: &mut Deferred<C>,
    ) {
        if self.home.generation() == NO_RUNTIME {
            // Without a runtime, nothing watches idle connections or enforces deadlines.
            let totals = shard.engine.totals();
            if totals.waiting + totals.connecting + totals.idle > 0 {
                shard.engine.abandon(now, &mut room);
            }
        }
        drop(room);
        shard.forward(deferred);
        if let Some((at, _)) = shard.engine.poll_timeout()
            && self.wakeups.set_alarm(at)
        {
            deferred.push(Work::Ring);
        }
    }

    #[inline]
    pub(crate) fn carry_out(self: &Arc<Self>, deferred: &mut Deferred<C>) {
        if !deferred.is_empty() {
            deferred::run(self, deferred);
        }
        if self.shut_down.load(Ordering::Relaxed) && self.common.open() == 0 {
            self.all_closed.notify_waiters();
        }
    }

    /// Makes a request, and takes an idle connection if the fast path applies. Otherwise it acts
    /// like [`ask`](Self::ask), but registers `waker` for the answer of a request that has to wait.
    pub(crate) fn lease(
        self: &Arc<Self>,
        shard_ref: &Arc<ShardRef<C>>,
        request: &Request,
        location: &'static Location<'static>,
        waker: &Waker,
    ) -> Result<Held<C>, Unanswered> {
        let in_shard = Unanswered::InShard;
        let generation = self.home.generation();
        if generation == NO_RUNTIME || self.home.is_elsewhere() {
            return Err(in_shard(self.ask(request, location)));
        }
        if let Some(lane) = request.lane(self) {
            match lane.ask(self, request, location, waker) {
                Some(lane::Asked::Held(parked, seat, is_doubtful)) => {
                    let held = Held::from_lane(parked, request.kept_lane(), seat);
                    return self.check_leased(held, is_doubtful);
                }
                Some(lane::Asked::Waits(number, place)) => {
                    return Err(Unanswered::InLane(number, place));
                }
                None => {}
            }
        }
        let mut shard = self.lock(self.shard_of(request));
        let now = self.now();
        let mut room = self.common.room();
        let mut called_back = false;
        let mut asked = match shard.lanes.are_closed() {
            true => None,
            false => shard.ask_lane(self, request, location, waker),
        };
        if asked.is_none()
            && !shard
                .engine
                .has_available(request.hash_value(), request.host())
        {
            asked = shard.park(self, request, location, waker, now, &mut room);
            called_back = asked.is_none() && !shard.lanes.are_closed();
            if called_back {
                shard.call_back(now, &mut room);
            }
        }
        if let Some((lane, asked)) = asked {
            let mut deferred = Deferred::new();
            self.conclude(shard, now, room, &mut deferred);
            self.carry_out(&mut deferred);
            return match asked {
                lane::Asked::Waits(number, place) => Err(Unanswered::InLane(number, place)),
                lane::Asked::Held(parked, seat, is_doubtful) => {
                    let held = Held::from_lane(parked, Some(lane), seat);
                    self.check_leased(held, is_doubtful)
                }
            };
        }
        let leased = match shard.past + 1 >= generation {
            true => shard.lease(request, location, waker, now, &mut room),
            false => None,
        };
        let mut unusable = None;
        let (id, listens) = match leased {
            Some(Leased::Held { live, is_doubtful }) => {
                let lane = shard.lane_for(self, request);
                if called_back {
                    let mut deferred = Deferred::new();
                    self.conclude(shard, now, room, &mut deferred);
                    self.carry_out(&mut deferred);
                } else {
                    drop((room, shard));
                }
                let held = Held {
                    live,
                    shard_ref: Arc::clone(shard_ref),
                    lane: lane.map(|lane| (lane, Seat::NONE)),
                };
                return self.check_leased(held, is_doubtful);
            }
            Some(Leased::Waits(id)) => (id, true),
            Some(Leased::Gone(id, gone)) => {
                shard.reject(now, &mut room, id, gone.why);
                unusable = gone.handle;
                (id, false)
            }
            None => {
                shard.call_back(now, &mut room);
                let id = self.request(request, location, &mut shard, now, &mut room);
                // An attempt that begins now may end before this call returns.
                let listens = shard.engine.is_queued(id);
                if listens {
                    shard.cell(id).wake(waker);
                }
                (id, listens)
            }
        };
        let mut deferred = Deferred::new();
        self.conclude(shard, now, room, &mut deferred);
        // Before its connection closes.
        if let Some(handle) = unusable {
            handle.discard();
        }
        self.carry_out(&mut deferred);
        Err(in_shard(Asked {
            id,
            refused: None,
            listens,
        }))
    }

    /// Checks a connection that a request has taken. If it is unusable, the request goes on.
    #[inline]
    fn check_leased(
        self: &Arc<Self>,
        mut held: Held<C>,
        is_doubtful: bool,
    ) -> Result<Held<C>, Unanswered> {
        let live = &mut held.live;
        if !live.is_handle() {
            if is_doubtful && live.check().is_err() {
                return Err(Unanswered::InShard(self.reject(held.live)));
            }
            live.stop_watching();
        }
        Ok(held)
    }

    #[cold]
    fn reject(self: &Arc<Self>, mut live: Box<Live<C>>) -> Asked {
        let (id, why) = (live.request, live.why_unusable());
        self.with_shard(id.shard(), |shard, now, room| {
            shard.put(live);
            shard.reject(now, room, id, why);
        });
        Asked::in_shard(id)
    }

    /// Makes a request. It may be refused before it reaches an engine.
    pub(crate) fn ask(
        self: &Arc<Self>,
        request: &Request,
        location: &'static Location<'static>,
    ) -> Asked {
        let shard = self.shard_of(request);
        if let Err(cause) = self.ensure_home() {
            let id = RequestId::outside(self.lock(shard).numbers.next(), shard);
            let error = AllocateError::new(id, request.host().clone(), Timing::default(), cause);
            return Asked {
                id,
                refused: Some(error),
                listens: false,
            };
        }
        let id = self.with_shard(shard, |shard, now, room| {
            self.request(request, location, shard, now, room)
        });
        Asked::in_shard(id)
    }

    fn request(
        &self,
        request: &Request,
        location: &'static Location<'static>,
        shard: &mut Shard<C>,
        now: Time,
        room: &mut CommonRoom<'_>,
    ) -> RequestId {
        shard.follow(now, room, self.home.past(self.home.generation()));
        shard.engine.tick(now, room);
        let host = request.host();
        let host = shard.host(&self.connector, host);
        let ask = request.ask(host, shard.numbers.next());
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
            let now = self.now();
            match shard.hand_out(id, held, now) {
                Ok(live) => {
                    shard.cell(id).clear();
                    return Poll::Ready(Ok(live));
                }
                Err(Gone { handle, why }) => {
                    // The connection became unusable before its answer was taken, so the request
                    // waits again.
                    drop(shard);
                    if let Some(handle) = handle {
                        handle.discard();
                    }
                    self.with_shard(id.shard(), |shard, now, room| {
                        if shard.held_for(id) == Some(held) {
                            shard.cell(id).clear();
                            shard.reject(now, room, id, why);
                        }
                    });
                    shard = self.lock(id.shard());
                }
            }
        }
        if let Some(cause) = shard.cell(id).take_refusal() {
            let timing = shard.engine.timing(id).expect(ANSWERED);
            shard.engine.take(id);
            drop(shard);
            let error = AllocateError::new(id, host.clone(), timing, cause);
            return Poll::Ready(Err(error));
        }
        let replaced = shard.cell(id).wake(context.waker());
        drop(shard);
        drop(replaced);
        Poll::Pending
    }

    /// Takes the connection of a request that waits in the lane that it has kept, or registers `waker`
    /// for it. An error if its shard has it.
    pub(crate) fn look_in_lane(
        self: &Arc<Self>,
        request: &Request,
        number: u64,
        place: Place,
        waker: &Waker,
    ) -> Poll<Result<Held<C>, Unanswered>> {
        let lane = request.lane(self).expect("it waits there");
        match lane.look(self, place, waker) {
            lane::Look::Waits => Poll::Pending,
            lane::Look::Held(parked, seat, is_doubtful) => {
                let held = Held::from_lane(parked, request.kept_lane(), seat);
                Poll::Ready(self.check_leased(held, is_doubtful))
            }
            lane::Look::Elsewhere => {
                let asked = Asked::in_shard(self.moved(request, number));
                Poll::Ready(Err(Unanswered::InShard(asked)))
            }
        }
    }

    /// Withdraws a request that waits in the lane that it has kept.
    pub(crate) fn withdraw(self: &Arc<Self>, request: &Request, number: u64, place: Place) {
        let lane = request.lane(self).expect("it waits there");
        if let Some([own, woken]) = lane.withdraw(self, place) {
            catch_panic(|| drop(own));
            wake(woken);
            return;
        }
        // The lane may have been called back already.
        let shard = self.shard_of(request);
        self.with_shard(shard, |_, _, _| {});
        self.forget(self.moved(request, number));
    }

    /// The id of a request that waited in a lane which was called back since.
    fn moved(&self, request: &Request, number: u64) -> RequestId {
        let shard = self.shard_of(request);
        let request = RequestId::outside(number, shard);
        self.lock(shard).lanes.moved(request)
    }

    /// Posts a letter once the answer is ready, possibly now.
    pub(crate) fn post_when_answered(self: &Arc<Self>, id: RequestId, letter: Box<dyn Letter>) {
        let now = self.lock(id.shard()).cell(id).post(letter);
        if let Some(unwanted) = now.and_then(Letter::post) {
            self.forget(unwanted);
        }
    }

    pub(crate) fn cancel(self: &Arc<Self>, id: RequestId) -> bool {
        usize::from(id.shard().0) < self.shards.len()
            && self.with_shard(id.shard(), |shard, now, room| {
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
            catch_panic(|| drop(parked));
            return;
        }
        let leftover = self.with_shard(id.shard(), |shard, now, room| shard.forget(id, now, room));
        // A panic in one dropped request must not keep its owner from dropping others.
        catch_panic(|| drop(leftover));
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

    /// Takes a connection back from its user, for reuse.
    #[inline]
    pub(crate) fn give_back(held: Held<C>) {
        let Held {
            mut live,
            shard_ref,
            lane,
        } = held;
        if live.is_handle() {
            shard_ref.driver.give_back_handle(live);
        } else if live.watch().is_ready() {
            shard_ref.driver.close(live);
        } else if let Some((lane, seat)) = lane
            && live.is_plain()
        {
            match lane.take_back(seat, (live, shard_ref)) {
                Ok(woken) => wake(woken),
                Err(parked) => Self::give_back_whole(parked, Some(lane)),
            }
        } else {
            Self::give_back_whole((live, shard_ref), None);
        }
    }

    /// Takes back a connection that is watched. It passes into a lane if it may: into this one, if its
    /// host has none.
    #[inline]
    fn give_back_whole((mut live, shard_ref): Parked<C>, lane: Option<Arc<Lane<C>>>) {
        let driver = Arc::clone(&shard_ref.driver);
        let (connection, id) = (live.id(), live.request);
        let mut woken = None;
        let suspect = driver.beside_lanes(id.shard(), |shard, now, room| {
            // An event that occurs from now on finds the connection in its shard.
            if (lane.is_some() || !shard.lanes.are_closed()) && live.is_plain() {
                match shard.lend_out(now, room, lane, (live, shard_ref)) {
                    Ok(waker) => {
                        woken = waker;
                        return false;
                    }
                    Err((back, _)) => live = back,
                }
                if !shard.is_past(live.generation()) && shard.engine.hand_on(now, room, id) {
                    live.mark_seen(now);
                    shard.put(live);
                    return false;
                }
            }
            shard.call_back(now, room);
            let suspect = live.is_suspect();
            let capacity = live.changed_capacity();
            live.mark_seen(now);
            if shard.is_past(live.generation()) {
                // Its runtime may never deliver its events again.
                shard.engine.retire_open(now, room, connection);
            }
            shard.put(live);
            if let Some(capacity) = capacity {
                let engine = &mut shard.engine;
                engine.capacity_changed(now, room, connection, capacity);
            }
            shard.engine.released(now, room, id, Return::Reuse);
            suspect
        });
        if suspect {
            // Its watch fired before the connection was back in the shard, where the maintenance
            // task can look at it.
            driver.wakeups.look(id.shard(), connection);
        }
        wake(woken);
    }

    /// Takes back a handle on a shared connection.
    fn give_back_handle(self: &Arc<Self>, live: Box<Live<C>>) {
        let (connection, id) = (live.id(), live.request);
        live.discard();
        self.with_shard(id.shard(), |shard, now, room| {
            if let Some(main) = shard.live(connection) {
                main.mark_seen(now);
            }
            shard.engine.released(now, room, id, Return::Reuse);
            shard.look_at(connection, now, room);
        });
    }

    /// Takes a connection from its user that must not be used again.
    pub(crate) fn close(self: &Arc<Self>, mut live: Box<Live<C>>) {
        let id = live.request;
        let mut context = Context::from_waker(Waker::noop());
        let mut still_open = None;
        let how = if live.is_handle() {
            live.discard();
            Return::Close
        } else {
            live.stop_watching();
            if live.poll_close(&mut context).is_ready() {
                live.discard();
                Return::Closed
            } else {
                still_open = Some(live);
                Return::Close
            }
        };
        self.with_shard(id.shard(), |shard, now, room| {
            if let Some(live) = still_open {
                shard.put(live);
            }
            shard.engine.released(now, room, id, how);
        });
    }
}

const ANSWERED: &str = "an answered request can be taken";

/// Wakes a request that waited in a lane.
#[inline]
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        catch_panic(|| waker.wake());
    }
}
