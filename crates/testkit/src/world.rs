//! A world of engines without IO: the test ends attempts, closings and messages.

#![allow(clippy::print_stderr)] // a trace is for the reader of a replayed seed

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Write};
use std::time::Duration;

use keepalive_engine::{
    Action, Answer, Ask, Capacity, Config, ConnectionId, Engine, Event, FromCache, HostId, Leased,
    LocalRoom, Message, Phase, RequestId, Return, Room, Settings, ShardId, Taken, Time, check,
    check_settled,
};

use crate::coverage::Coverage;
use crate::ledger::Ledger;
use crate::lives::Lives;

/// The state of a request, as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Waiting,
    Answered(Answer),
    Held(ConnectionId),
}

#[derive(Clone)]
pub struct World {
    pub engines: Vec<Engine<u32>>,
    pub room: LocalRoom,
    pub start: Time,
    pub now: Time,
    pub fates: BTreeMap<RequestId, (u32, Fate)>,
    pub attempts: Vec<(usize, ConnectionId, u32)>,
    pub closing: Vec<(usize, ConnectionId)>,
    pub messages: VecDeque<(usize, Message)>,
    pub abandoned: u64,
    /// A driver's knowledge of each connection.
    pub ledger: Ledger,
    pub coverage: Coverage,
    /// For each shard that is observed, all that its events have told.
    pub lives: Vec<Lives>,
    /// The events of all shards, if they are observed.
    pub events: Vec<Event>,
    /// The requests answered with a connection, in order, and whether each was the first on its
    /// connection.
    pub served: Vec<(RequestId, bool)>,
    /// The requests that wait, in the order in which they arrived, or arrived again.
    pub waiting: Vec<RequestId>,
    /// For the requests that a watch counts, how often a reuse has overtaken each.
    pub overtaken: BTreeMap<RequestId, u64>,
    /// Connections that have been taken.
    used: BTreeSet<(usize, ConnectionId)>,
    /// Whether connections may carry several leases.
    pub multiplexed: bool,
    /// A hash of all actions, if they are traced.
    pub trace: Option<u64>,
    /// Prints every action.
    pub loud: bool,
    pub timeout: Duration,
    close_timeout: Duration,
    max_connecting: usize,
    /// Connections that have gone, the latest last.
    gone: Vec<(usize, ConnectionId)>,
    latest: Time,
    /// Requests so far.
    pub numbers: u64,
}

/// How often closings and messages may follow from each other before the world is at rest.
const ROUNDS: usize = 100_000;

impl World {
    pub fn new(settings: Settings) -> Self {
        let config = Config::try_from(settings).expect("sound settings");
        let shards = config.settings().shards;
        #[allow(clippy::disallowed_methods)] // any instant will do as the start
        let start = Time::START;
        Self {
            engines: (0..shards)
                .map(|shard| Engine::new(&config, ShardId(shard)))
                .collect(),
            room: LocalRoom::new(&config),
            start,
            now: start,
            fates: BTreeMap::new(),
            attempts: Vec::new(),
            closing: Vec::new(),
            messages: VecDeque::new(),
            abandoned: 0,
            served: Vec::new(),
            waiting: Vec::new(),
            overtaken: BTreeMap::new(),
            used: BTreeSet::new(),
            multiplexed: false,
            ledger: Ledger::default(),
            coverage: Coverage::default(),
            lives: Vec::new(),
            events: Vec::new(),
            gone: Vec::new(),
            trace: None,
            loud: std::env::var_os("KEEPALIVE_TRACE").is_some(),
            timeout: config.settings().timeout,
            close_timeout: config.settings().close_timeout,
            max_connecting: config.settings().max_connecting.unwrap_or(usize::MAX),
            latest: start,
            numbers: 0,
        }
    }

    /// Counts an event.
    pub fn hit(&mut self, event: &str) {
        self.coverage.hit(event);
    }

    /// Observes all engines from now on.
    pub fn observe(&mut self) {
        for engine in &mut self.engines {
            engine.observe(true);
        }
        self.lives = vec![Lives::default(); self.engines.len()];
    }

    /// Turns the fast paths of all engines off.
    pub fn go_general(&mut self) {
        for engine in &mut self.engines {
            engine.go_general();
        }
    }

    pub fn shard_of(&self, host: u32) -> usize {
        host as usize % self.engines.len()
    }

    pub fn host(&mut self, host: u32) -> HostId {
        let shard = self.shard_of(host);
        self.engines[shard].host(Self::hash(host), &host)
    }

    /// Limits the connections of a host that has had no request yet.
    pub fn limit_host(&mut self, host: u32, connections: usize) {
        let shard = self.shard_of(host);
        self.engines[shard].limit_host(Self::hash(host), &host, connections);
    }

    /// The hash of a host's key.
    pub fn hash(host: u32) -> u64 {
        u64::from(host).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    pub fn request(&mut self, host: u32) -> RequestId {
        self.ask(host, None, None)
    }

    pub fn ask(
        &mut self,
        host: u32,
        timeout: Option<Duration>,
        queue_timeout: Option<Duration>,
    ) -> RequestId {
        self.numbers += 1;
        let shard = self.shard_of(host);
        let ask = Ask {
            host: self.host(host),
            number: self.numbers,
            timeout,
            queue_timeout,
        };
        let id = self.engines[shard].request(self.now, &mut self.room, ask);
        self.arrives(id, host);
        self.drain(shard);
        id
    }

    /// Requests on the short way: the request holds a connection at once or waits, if the short way
    /// allows it.
    pub fn lease(&mut self, host: u32, timeout: Option<Duration>) -> Option<Leased> {
        self.numbers += 1;
        let shard = self.shard_of(host);
        let idle = self.host(host);
        let next = self.engines[shard].next_idle(idle);
        let ask = Ask {
            host: (Self::hash(host), &host),
            number: self.numbers,
            timeout,
            queue_timeout: None,
        };
        let (engine, now, room) = (&mut self.engines[shard], self.now, &mut self.room);
        let leased = engine.lease(now, room, ask, (), |connection| connection);
        match leased {
            Some(Leased::Held(id, connection)) => {
                assert_eq!(
                    next,
                    Some(connection),
                    "R8: the next is the one that is lent"
                );
                self.arrives(id, host);
                self.note(id, Answer::Connection(connection));
                self.used.insert((shard, connection));
                self.fates.insert(id, (host, Fate::Held(connection)));
            }
            Some(Leased::Waits(id)) => {
                assert_eq!(next, None, "R8: nobody waits while there is an idle one");
                self.arrives(id, host);
            }
            None => {}
        }
        self.drain(shard);
        leased
    }

    /// A request has come. It waits until the engine answers.
    pub fn arrives(&mut self, id: RequestId, host: u32) {
        self.fates.insert(id, (host, Fate::Waiting));
        self.waiting.push(id);
    }

    pub fn take(&mut self, id: RequestId) -> Option<Taken> {
        let shard = usize::from(id.shard().0);
        let taken = self.engines[shard].take(id)?;
        self.follow(shard);
        match taken.connection {
            Some(connection) => {
                let used = !self.used.insert((shard, connection));
                match taken.from_cache {
                    // A connection that carries several leases is new to all waiting requests.
                    Some(FromCache::Deferred) if !self.multiplexed => assert!(used, "R8"),
                    None if !self.multiplexed => assert!(!used, "R8"),
                    _ => {}
                }
                self.fates.get_mut(&id).expect("known").1 = Fate::Held(connection);
            }
            None => {
                self.fates.remove(&id);
            }
        }
        Some(taken)
    }

    pub fn cancel(&mut self, id: RequestId) -> bool {
        let shard = usize::from(id.shard().0);
        self.unlend(id);
        let done = self.engines[shard].cancel(self.now, &mut self.room, id);
        self.drain(shard);
        done
    }

    pub fn forget(&mut self, id: RequestId) {
        let shard = usize::from(id.shard().0);
        self.unlend(id);
        // Every other request takes the long way, although a driver always tries the short one
        // first.
        let short = id.slot().is_multiple_of(2);
        if !short
            || self.engines[shard]
                .forget_parked(&mut self.room, id)
                .is_none()
        {
            self.engines[shard].forget(self.now, &mut self.room, id);
        }
        self.fates.remove(&id);
        self.waiting.retain(|&other| other != id);
        self.drain(shard);
    }

    pub fn release(&mut self, id: RequestId, how: Return) {
        let shard = usize::from(id.shard().0);
        let fate = self.fates.remove(&id);
        let Some((_, Fate::Held(connection))) = fate else {
            panic!("{fate:?}")
        };
        self.ledger.returned(shard, connection, how);
        self.engines[shard].released(self.now, &mut self.room, id, how);
        self.drain(shard);
    }

    /// Closes the connection idle longest in this shard, or withdraws an attempt without owner.
    pub fn evict_longest_idle(&mut self, shard: usize) {
        self.engines[shard].evict_longest_idle(self.now, &mut self.room);
        self.drain(shard);
    }

    /// The attempt at `index` succeeds.
    pub fn connect(&mut self, index: usize, capacity: impl Into<Capacity>) -> ConnectionId {
        let (shard, id, _) = self.attempts.swap_remove(index);
        let capacity = capacity.into();
        self.multiplexed |= capacity != Capacity::One;
        self.ledger.opened(shard, id, capacity);
        assert!(self.engines[shard].connected(self.now, &mut self.room, id, capacity));
        self.drain(shard);
        id
    }

    pub fn fail(&mut self, index: usize) {
        let (shard, id, _) = self.attempts.swap_remove(index);
        self.strike_out(shard, id);
        self.engines[shard].failed(self.now, &mut self.room, id);
        self.drain(shard);
    }

    /// A closing attempt reports, too late, that it has opened a connection. False if it had opened
    /// one before.
    pub fn connect_late(&mut self, index: usize) -> bool {
        let (shard, id) = self.closing[index];
        let late = self.ledger.withdrawn(shard, id, self.latest);
        if late {
            assert!(!self.engines[shard].connected(self.now, &mut self.room, id, 1));
            self.drain(shard);
        }
        late
    }

    /// A closing attempt reports, too late, that it has failed. False if it had opened a connection
    /// before.
    pub fn fail_late(&mut self, index: usize) -> bool {
        let (shard, id) = self.closing[index];
        let late = self.ledger.withdrawn(shard, id, self.latest);
        if late {
            self.closing.swap_remove(index);
            self.strike_out(shard, id);
            self.engines[shard].failed(self.now, &mut self.room, id);
            self.drain(shard);
        }
        late
    }

    /// Reports on a connection that has long gone. False if there is none.
    pub fn report_late(&mut self, kind: usize, age: usize) -> bool {
        let Some(&(shard, id)) = self.gone.iter().rev().nth(age) else {
            return false;
        };
        let (engine, now, room) = (&mut self.engines[shard], self.now, &mut self.room);
        match kind {
            0 => assert!(!engine.connected(now, room, id, 1), "it is not wanted"),
            1 => engine.failed(now, room, id),
            2 => engine.peer_closed(now, room, id),
            _ => engine.closed(now, room, id),
        }
        self.drain(shard);
        true
    }

    pub fn progress(&mut self, index: usize, phase: Phase) {
        let (shard, id, _) = self.attempts[index];
        self.engines[shard].progress(self.now, &mut self.room, id, phase);
        self.drain(shard);
    }

    pub fn finish_close(&mut self, index: usize) {
        let (shard, id) = self.closing.swap_remove(index);
        self.strike_out(shard, id);
        self.engines[shard].closed(self.now, &mut self.room, id);
        self.drain(shard);
    }

    pub fn set_capacity(&mut self, shard: usize, id: ConnectionId, capacity: impl Into<Capacity>) {
        let capacity = capacity.into();
        self.multiplexed |= capacity != Capacity::One;
        self.ledger.can_carry(shard, id, capacity);
        self.engines[shard].capacity_changed(self.now, &mut self.room, id, capacity);
        self.drain(shard);
    }

    pub fn peer_closes(&mut self, shard: usize, id: ConnectionId) {
        self.ledger.spoiled(shard, id);
        self.engines[shard].peer_closed(self.now, &mut self.room, id);
        self.drain(shard);
    }

    pub fn deliver_message(&mut self) {
        if let Some((shard, message)) = self.messages.pop_front() {
            self.engines[shard].receive(self.now, &mut self.room, message);
            self.drain(shard);
        }
    }

    /// Ends all closings and messages at once, as plain sockets do.
    pub fn run(&mut self) {
        for round in 0.. {
            if self.closing.is_empty() && self.messages.is_empty() {
                break;
            }
            assert!(round < ROUNDS, "the world never comes to rest");
            while !self.closing.is_empty() {
                self.finish_close(0);
            }
            self.deliver_message();
        }
        check_settled(&self.engines, &mut self.room);
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        for shard in 0..self.engines.len() {
            self.engines[shard].tick(self.now, &mut self.room);
            self.drain(shard);
            let due = self.engines[shard].poll_timeout();
            let due = due.filter(|&(at, _)| at <= self.now.max(self.latest));
            assert!(
                due.is_none_or(|_| self.now < self.latest),
                "I9: {due:?} is still due"
            );
        }
        self.ledger.check_closings(self.latest, self.close_timeout);
    }

    /// Lets time pass until something is due. False if nothing will be due.
    pub fn wait_until_due(&mut self) -> bool {
        let due = self.engines.iter().filter_map(Engine::poll_timeout);
        let Some(at) = due.map(|(at, _)| at).min() else {
            return false;
        };
        self.wait(at.saturating_duration_since(self.now));
        true
    }

    /// The runtime that ran the attempts has gone.
    pub fn abandon(&mut self) {
        self.end(Engine::abandon);
        let now = self.now;
        self.room.budget().thaw();
        self.engines[0].resume(now, &mut self.room);
        self.drain(0);
    }

    pub fn shut_down(&mut self) {
        self.end(Engine::shut_down);
    }

    fn end(&mut self, end: fn(&mut Engine<u32>, Time, &mut LocalRoom)) {
        self.room.budget().freeze();
        for shard in 0..self.engines.len() {
            end(&mut self.engines[shard], self.now, &mut self.room);
            self.drain(shard);
        }
        let left = &self.attempts;
        assert!(left.is_empty(), "none is left, and none begins: {left:?}");
        for engine in &self.engines {
            assert_eq!(engine.totals().idle, 0, "nothing is kept");
            assert_eq!(engine.totals().waiting, 0, "everybody is answered");
        }
    }

    /// The connection of a request ends before its user gets it.
    pub fn reject(&mut self, id: RequestId) {
        let shard = usize::from(id.shard().0);
        self.unlend(id);
        let (host, fate) = self.fates[&id];
        if let Fate::Held(connection) = fate {
            self.ledger.returned(shard, connection, Return::Reuse);
        }
        self.arrives(id, host);
        self.engines[shard].reject(self.now, &mut self.room, id);
        self.drain(shard);
    }

    pub fn answer(&self, id: RequestId) -> Option<Answer> {
        match self.fates.get(&id) {
            Some((_, Fate::Answered(answer))) => Some(*answer),
            _ => None,
        }
    }

    pub fn is_served(&self, id: RequestId) -> bool {
        matches!(self.answer(id), Some(Answer::Connection(_)))
    }

    /// Takes a connection and gives it back.
    pub fn use_and_free(&mut self, id: RequestId) {
        assert!(self.take(id).expect("answered").connection.is_some());
        self.release(id, Return::Reuse);
    }

    pub fn open(&mut self) -> usize {
        self.room.budget().open()
    }

    pub fn drain(&mut self, shard: usize) {
        self.latest = self.latest.max(self.now);
        check(&self.engines[shard], self.room.budget());
        self.follow(shard);
        while let Some(action) = self.engines[shard].poll_action() {
            self.coverage.action(&action);
            if self.loud {
                eprintln!("shard {shard}: {action:?}");
            }
            if let Some(trace) = &mut self.trace {
                write!(Hash(trace), "{action:?}").expect("a hash takes everything");
            }
            if let Some(lives) = self.lives.get_mut(shard) {
                lives.act(&action);
            }
            self.carry_out(shard, action);
        }
        if let Some((at, due)) = self.engines[shard].poll_timeout() {
            assert!(at >= self.latest, "I9: {due:?} is overdue after a drain");
        }
        let granted = self.messages.iter();
        let granted = granted.filter(|(_, message)| matches!(message, Message::Grant(_)));
        let granted = granted.count();
        let (under_way, closing) = (self.ledger.under_way(), self.ledger.leaving());
        assert!(under_way <= self.max_connecting, "I2: attempts under way");
        let budget = self.room.budget();
        assert_eq!(
            (budget.open(), budget.connecting(), budget.closing()),
            (self.ledger.len() + granted, under_way + granted, closing),
            "I3: the ledger has the driver's connections"
        );
    }

    /// Reads the events of the last input.
    fn follow(&mut self, shard: usize) {
        if let Some(lives) = self.lives.get_mut(shard) {
            let events = lives.follow(&mut self.engines[shard], &mut self.room);
            self.events.extend(events);
        }
    }

    fn carry_out(&mut self, shard: usize, action: Action) {
        match action {
            Action::Answer(id, answer) => self.note(id, answer),
            Action::Connect(id, host) => {
                let host = *self.engines[shard].key(host).expect("a host in use");
                self.ledger.begun(shard, id, host);
                self.attempts.push((shard, id, host));
            }
            Action::Cancel(id) => {
                let before = self.attempts.len();
                self.attempts
                    .retain(|&(at, attempt, _)| (at, attempt) != (shard, id));
                assert_eq!(self.attempts.len() + 1, before, "an attempt in flight");
                self.ledger.cancelled(shard, id);
                self.closing.push((shard, id));
            }
            Action::Close(id) => {
                self.ledger.closing(shard, id, self.latest);
                self.closing.push((shard, id));
            }
            Action::Abandon(id) => {
                self.ledger.abandoned(shard, id);
                self.abandoned += 1;
            }
            Action::Send(to, message) => {
                self.messages.push_back((usize::from(to.0), message));
            }
        }
    }

    fn note(&mut self, id: RequestId, answer: Answer) {
        let (host, fate) = self.fates[&id];
        let replaced =
            matches!(fate, Fate::Answered(Answer::Connection(_))) && answer == Answer::Cancelled;
        assert!(
            fate == Fate::Waiting || replaced,
            "{id:?}: {fate:?} and {answer:?}"
        );
        if let Answer::Connection(connection) = answer {
            let shard = usize::from(id.shard().0);
            let first = self.ledger.lent(shard, connection, host);
            self.served.push((id, first));
            self.overtake(id, host, first);
        }
        self.waiting.retain(|&other| other != id);
        self.fates.insert(id, (host, Fate::Answered(answer)));
    }

    /// A request is served before the older ones that still wait: none of them is of its host.
    fn overtake(&mut self, id: RequestId, host: u32, first: bool) {
        let older = self.waiting.iter().take_while(|&&other| other != id);
        for other in older {
            assert_ne!(self.fates[other].0, host, "I5: {id} came after {other}");
            // A new connection was opened in the turn of a request of its host. If that request has
            // gone, the one that inherits its attempt overtakes no other.
            if let Some(times) = self.overtaken.get_mut(other).filter(|_| !first) {
                *times += 1;
            }
        }
    }

    fn strike_out(&mut self, shard: usize, id: ConnectionId) {
        self.ledger.gone(shard, id);
        self.gone.push((shard, id));
    }

    /// Gives back, unused, the connection of an answer that is not taken.
    fn unlend(&mut self, id: RequestId) {
        if let Some((_, Fate::Answered(Answer::Connection(connection)))) = self.fates.get(&id) {
            let shard = usize::from(id.shard().0);
            self.ledger.returned(shard, *connection, Return::Reuse);
        }
    }
}

/// FNV-1a.
struct Hash<'a>(&'a mut u64);

impl Write for Hash<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.0 = (*self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
