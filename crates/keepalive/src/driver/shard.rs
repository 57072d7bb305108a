//! One shard: its engine, and the connections without a user.

use std::collections::HashMap;
use std::panic::Location;
use std::task::Waker;

use keepalive_engine::{
    self as engine, Action, Answer, ConnectionId, Engine, FromCache, HostId, Reason, RequestId,
    Room, ShardId, Time,
};

use crate::api::error::Cause;
use crate::api::host::Host;
use crate::api::request::Request;
use crate::connect::{ConnectError, Connector, Unusable};
use crate::driver::answer::{AnswerCell, Answered};
use crate::driver::deferred::catch_panic;
use crate::driver::deferred::{Deferred, Stop, Work};
use crate::driver::descriptors::Wanted;
use crate::driver::home::Past;
use crate::driver::lane::Lanes;
use crate::driver::live::Live;
use crate::driver::numbers::Numbers;
use crate::driver::task::{Running, Started, Task};
use crate::runtime::HashKey;
use crate::sync::Arc;

pub(crate) struct Shard<C: Connector> {
    pub(crate) id: ShardId,
    pub(crate) engine: Engine<Host, AnswerCell>,
    /// The connections without a user, by their slots.
    here: Vec<Option<Box<Live<C>>>>,
    /// The tasks that open or close connections.
    tasks: HashMap<ConnectionId, Running, HashKey>,
    pub(crate) numbers: Numbers,
    pub(crate) lanes: Lanes<C>,
    pub(crate) wanted: Wanted,
    /// The error of the attempt or connection that the present input reports.
    pub(crate) failure: Option<ConnectError>,
    /// The last runtime that this shard knows to be the home no longer.
    pub(crate) past: u64,
    /// Work that the present input carries out.
    pub(crate) left: Vec<Work<C>>,
}

/// The result of making a request and taking its answer in one step.
pub(crate) enum Leased<C: Connector> {
    /// The user has the connection, or a handle on it. The caller must check a whole connection that
    /// is doubtful, and reject the request if the connection is unusable.
    Held {
        live: Box<Live<C>>,
        is_doubtful: bool,
    },
    /// The user's waker is registered.
    Waits(RequestId),
    /// There was a shared connection, but it is unusable: the caller must reject the request.
    Gone(RequestId, Gone<C>),
}

/// A connection that was held for a request and has become unusable.
pub(crate) struct Gone<C: Connector> {
    /// The caller must drop it outside the lock.
    pub(crate) handle: Option<Box<Live<C>>>,
    pub(crate) why: Unusable,
}

impl<C: Connector> Shard<C> {
    pub(crate) fn new(id: ShardId, engine: Engine<Host, AnswerCell>) -> Self {
        Self {
            id,
            engine,
            here: Vec::new(),
            tasks: HashMap::default(),
            numbers: Numbers::default(),
            lanes: Lanes::default(),
            wanted: Wanted::default(),
            failure: None,
            past: 0,
            left: Vec::new(),
        }
    }

    /// Fast path of a request: takes an idle connection, or queues the request and registers
    /// `waker`. Returns `None`, without an effect, if the fast path does not apply.
    #[inline]
    pub(crate) fn lease(
        &mut self,
        request: &Request,
        location: &'static Location<'static>,
        waker: &Waker,
        now: Time,
        room: &mut impl Room,
    ) -> Option<Leased<C>> {
        let key = (request.hash_value(), request.host());
        let ask = request.ask(key, self.numbers.next());
        let cell = AnswerCell::new(location);
        let here = &mut self.here;
        let take = |connection: ConnectionId| {
            let live = take_live(&mut here[connection.slot()], connection).expect(HERE);
            (live.is_doubtful(now), live)
        };
        match self.engine.lease(now, room, ask, cell, take)? {
            engine::Leased::Held(id, (is_doubtful, mut live)) => {
                debug_assert!(!self.is_past(live.generation()), "it would not be idle");
                if live.is_main() {
                    let connection = live.id();
                    self.put(live);
                    live = match self.share_out(connection, now) {
                        Ok(handle) => handle,
                        Err(gone) => return Some(Leased::Gone(id, gone)),
                    };
                }
                live.request = id;
                live.from_cache = Some(FromCache::Immediate);
                Some(Leased::Held { live, is_doubtful })
            }
            engine::Leased::Waits(id) => {
                self.cell(id).wake(waker);
                Some(Leased::Waits(id))
            }
        }
    }

    /// Returns the record of a host, and creates it if there is none.
    pub(crate) fn host(&mut self, connector: &C, host: &Host) -> HostId {
        let shares = || catch_panic(|| connector.shares(host)).unwrap_or(false);
        self.engine.host_with(host.hash_value(), host, shares)
    }

    /// Gives a request the connection that is held for it, as a whole or as a handle. If the
    /// connection has become unusable, this is an error, and the caller must reject the request.
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
            if self.is_past(live.generation()) || (live.is_doubtful(now) && live.check().is_err()) {
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
        let past = live.generation() <= past;
        match handle {
            Some(handle) if !past && (!doubtful || live.check().is_ok()) => Ok(handle),
            handle => Err(self.gone(id, handle)),
        }
    }

    /// Rejects the connection that is held for a request, because it is unusable. `why` becomes the
    /// answer if the request has had too many such connections.
    pub(crate) fn reject(&mut self, now: Time, room: &mut impl Room, id: RequestId, why: Unusable) {
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
    ) -> Option<AnswerCell> {
        self.look_at_held(id, now, room);
        self.engine.forget(now, room, id)
    }

    /// Looks at the connection that is held for a request, because it may go to another user now.
    pub(crate) fn look_at_held(&mut self, id: RequestId, now: Time, room: &mut impl Room) {
        if let Some(held) = self.held_for(id) {
            self.look_at(held, now, room);
        }
    }

    /// Looks at a connection in this shard, and watches it from now on.
    pub(crate) fn look_at(&mut self, id: ConnectionId, now: Time, room: &mut impl Room) {
        let Some(live) = self.live(id) else { return };
        if live.watch().is_ready() {
            self.engine.peer_closed(now, room, id);
        } else if let Some(capacity) = live.changed_capacity() {
            self.engine.capacity_changed(now, room, id, capacity);
        }
    }

    /// The driver's data about a request that has not ended.
    #[inline]
    pub(crate) fn cell(&mut self, id: RequestId) -> &mut AnswerCell {
        self.engine
            .data_mut(id)
            .expect("a request that has not ended")
    }

    /// The connection that is held for a request whose answer has not been taken.
    pub(crate) fn held_for(&self, id: RequestId) -> Option<ConnectionId> {
        self.engine.data(id)?.connection()
    }

    #[inline]
    pub(crate) fn put(&mut self, live: Box<Live<C>>) {
        let slot = live.id().slot();
        if slot >= self.here.len() {
            reserve(&mut self.here, slot);
            self.here.resize_with(slot + 1, || None);
        }
        self.here[slot] = Some(live);
    }

    #[inline]
    pub(crate) fn take_live(&mut self, id: ConnectionId) -> Option<Box<Live<C>>> {
        take_live(self.here.get_mut(id.slot())?, id)
    }

    pub(crate) fn live(&mut self, id: ConnectionId) -> Option<&mut Live<C>> {
        let live = self.here.get_mut(id.slot())?.as_deref_mut()?;
        (live.id() == id).then_some(live)
    }

    /// Whether this shard knows that the runtime with this number is no longer the home.
    #[inline]
    pub(crate) fn is_past(&self, generation: u64) -> bool {
        generation <= self.past
    }

    /// Whether the end of a task on the runtime with number `generation` ends its attempt or close.
    /// Otherwise another task does the same, or will.
    pub(crate) fn ends_task(&mut self, id: ConnectionId, generation: u64) -> bool {
        let past = self.is_past(generation);
        match self.tasks.get_mut(&id) {
            Some(running) if generation <= running.since => false,
            Some(running) if past && running.opens() => {
                self.begin_anew(id);
                false
            }
            running => running.is_some(),
        }
    }

    /// Takes the connection of a successful attempt. It closes if no request needs it.
    pub(crate) fn open(&mut self, mut live: Box<Live<C>>, now: Time, room: &mut impl Room) {
        let id = live.id();
        if !self.engine.connected(now, room, id, live.capacity()) {
            self.expect_task(id);
            self.left.push(Work::Close(self.id, id, Some(live)));
            return;
        }
        self.task_ended(id);
        let watched = self.engine.is_idle(id) || live.is_main();
        if watched {
            live.mark_seen(now);
        }
        self.put(live);
        if watched {
            self.look_at(id, now, room);
        }
    }

    /// Applies the losses and moves of earlier runtimes that this shard has not applied yet.
    ///
    /// A request within the next runtime does so first. Otherwise it would end along with the
    /// earlier requests.
    pub(crate) fn follow(&mut self, now: Time, room: &mut impl Room, past: Past) {
        self.runtime_lost(now, room, past.lost);
        if self.past < past.left {
            self.past = past.left;
            self.leave(now, room);
        }
    }

    /// Ends the work of the runtime with this number and of those before, because they are gone.
    pub(crate) fn runtime_lost(&mut self, now: Time, room: &mut impl Room, generation: u64) {
        if self.past < generation {
            self.past = generation;
            self.engine.abandon(now, room);
        }
    }

    /// Handles a move of the home: closes open connections and restarts attempts. The earlier
    /// runtime may never deliver their events or poll their tasks.
    pub(crate) fn leave(&mut self, now: Time, room: &mut impl Room) {
        for live in self.here.iter().flatten() {
            if live.generation() <= self.past {
                self.engine.retire_open(now, room, live.id());
            }
        }
        let mut anew = Vec::new();
        for (id, running) in &self.tasks {
            // Another one has begun on the new home already, or `task_started` will detect the move.
            if let Some((generation, stop)) = &running.stop
                && *generation <= self.past
            {
                self.left.push(Work::Remove(Arc::clone(stop)));
                if running.opens() {
                    anew.push(*id);
                }
            }
        }
        for id in anew {
            self.begin_anew(id);
        }
    }

    /// Restarts an attempt.
    fn begin_anew(&mut self, id: ConnectionId) {
        let Some(running) = self.tasks.get_mut(&id) else {
            return;
        };
        running.since = self.past;
        running.stop = None;
        if let Some(host) = running.host.clone() {
            self.left.push(Work::Connect(self.id, id, host));
        }
    }

    /// Removes the task of a connection, which has ended or cannot start.
    pub(crate) fn task_ended(&mut self, id: ConnectionId) {
        self.tasks.remove(&id);
        if self.tasks.is_empty() {
            // The memory for a crowd of attempts is not needed any more.
            self.tasks = HashMap::default();
        }
    }

    /// Records the start of a connection's task on the runtime with number `generation`.
    pub(crate) fn task_started(
        &mut self,
        id: ConnectionId,
        task: Task,
        generation: u64,
        stop: Arc<Stop>,
    ) -> Started {
        let past = self.is_past(generation);
        let Some(running) = self.tasks.get_mut(&id) else {
            return Started::GoesOn;
        };
        if running.task != task {
            return Started::GoesOn;
        }
        if generation <= running.since {
            return Started::Past;
        }
        if past {
            if running.opens() {
                self.begin_anew(id);
            }
            return Started::Past;
        }
        if running.unwanted {
            return Started::Unwanted;
        }
        running.stop = Some((generation, stop));
        Started::GoesOn
    }

    /// Checks that each connection that opens or closes has its task, and none is left of others.
    #[cfg(any(keepalive_loom, keepalive_shuttle))]
    pub(crate) fn check(&self) {
        let totals = self.engine.totals();
        assert_eq!(
            self.tasks.len(),
            totals.connecting + totals.closing,
            "one task each"
        );
    }

    /// Records that a task will close a connection.
    pub(crate) fn expect_task(&mut self, id: ConnectionId) {
        self.tasks
            .insert(id, Running::expected(Task::Close, None, self.past));
    }

    /// Carries out the engine's actions, as far as possible under the lock; the rest goes into
    /// `deferred`.
    pub(crate) fn forward(&mut self, deferred: &mut Deferred<C>) {
        if !self.left.is_empty() {
            deferred.extend(self.left.drain(..));
        }
        while let Some(action) = self.engine.poll_action() {
            match action {
                Action::Answer(id, answer) => {
                    let answer = match answer {
                        Answer::Connection(connection) => Answered::With(connection),
                        other => Answered::Without(Box::new(self.cause(other))),
                    };
                    self.answer(deferred, id, answer);
                }
                Action::Connect(id, host) => {
                    let host = self.engine.key(host).expect("a host in use is known");
                    let host = host.clone();
                    let running = Running::expected(Task::Connect, Some(host.clone()), self.past);
                    self.tasks.insert(id, running);
                    deferred.push(Work::Connect(self.id, id, host));
                }
                Action::Cancel(id) | Action::Abandon(id) => self.stop_task(deferred, id),
                Action::Close(id) => {
                    let live = self.take_live(id);
                    self.expect_task(id);
                    deferred.push(Work::Close(self.id, id, live));
                }
                Action::Send(shard, message) => deferred.push(Work::Send(shard, message)),
            }
        }
        // No request took the error.
        if let Some(error) = self.failure.take() {
            deferred.push(Work::Discard(error));
        }
    }

    /// The cause of an answer without a connection.
    fn cause(&mut self, answer: Answer) -> Cause {
        match answer {
            Answer::TimedOut(waiting) => match waiting.reason() {
                Reason::Descriptor => Cause::TimedOut(waiting, self.wanted.error()),
                _ => Cause::TimedOut(waiting, None),
            },
            Answer::QueueFull { max } => Cause::QueueFull { max },
            Answer::ShutDown => Cause::ShutDown,
            Answer::Abandoned => Cause::RuntimeGone,
            Answer::Failed => match self.failure.take() {
                Some(error) => Cause::Failed(error),
                None => Cause::RuntimeGone,
            },
            Answer::Cancelled | Answer::Connection(_) => Cause::Cancelled,
        }
    }

    fn answer(&mut self, deferred: &mut Deferred<C>, id: RequestId, answer: Answered) {
        let Some(cell) = self.engine.data_mut(id) else {
            // The request was forgotten in the same input.
            return;
        };
        match cell.set(answer) {
            Answered::Wakes(waker) => deferred.push(Work::Wake(waker)),
            Answered::Posts(letter) => deferred.push(Work::Post(letter)),
            // The later of two untaken answers counts.
            Answered::No | Answered::With(_) | Answered::Without(_) => {}
        }
    }

    fn stop_task(&mut self, deferred: &mut Deferred<C>, id: ConnectionId) {
        if let Some(running) = self.tasks.get_mut(&id) {
            running.unwanted = true;
            if let Some((_, stop)) = &running.stop {
                deferred.push(Work::Stop(Arc::clone(stop)));
            }
        }
    }
}

const HERE: &str = "a connection that is held for a request is here";
const ANSWERED: &str = "an answered request can be taken";

/// Takes a connection, if it is this one.
#[inline]
fn take_live<C: Connector>(
    here: &mut Option<Box<Live<C>>>,
    id: ConnectionId,
) -> Option<Box<Live<C>>> {
    here.take_if(|live| live.id() == id)
}

/// Reserves room for a record in this slot, and as much spare room as an engine's arenas do.
fn reserve<T>(records: &mut Vec<T>, slot: usize) {
    if slot >= records.capacity() {
        records.reserve_exact(slot + 1 + slot / 16 + 8 - records.len());
    }
}
