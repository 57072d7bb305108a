//! An engine behind the model's inputs and outputs.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::iter;
use std::time::Duration;

use keepalive_engine::{
    Action, Answer, Arrival, Ask, Config, ConnectionId, Counts, Engine, FromCache, HostId, Lane,
    Leased, LocalRoom, Look, Place, RequestId, Return, Room, Seat, Settings, ShardId, Time, Timing,
    check, check_settled, fingerprint,
};

use super::{Effect, Input, Outcome, Reply, Taken, View};
use crate::lives::Lives;

pub struct Subject {
    pub(super) engine: Engine<u32>,
    pub(super) room: LocalRoom,
    start: Time,
    pub(super) now: Time,
    /// The time of the last input.
    told: Time,
    inputs: u64,
    hosts: usize,
    /// The ids, by the model's numbers.
    requests: Vec<RequestId>,
    connections: Vec<ConnectionId>,
    /// The host of each connection.
    hosts_of: Vec<usize>,
    numbers: BTreeMap<ConnectionId, usize>,
    effects: Vec<Effect>,
    /// Whether it goes round all fast paths.
    general: bool,
    /// All that its events have told, if it is observed.
    lives: Option<Lives>,
    /// The hosts' lanes, if connections pass into them.
    lanes: Option<Lanes>,
}

#[derive(Default)]
struct Lanes {
    of: Vec<Lane<ConnectionId, (), usize>>,
    /// The hosts and connections that users have.
    held: BTreeMap<RequestId, (usize, ConnectionId)>,
    seats: BTreeMap<RequestId, Seat>,
    /// The requests that came to wait in a lane, and have not taken an answer there.
    waiting: BTreeMap<usize, Waiter>,
    /// Hits of lanes so far, and connections that waiting requests took there.
    hits: [u64; 2],
}

/// A request that waits in the lane of this host.
#[derive(Clone, Copy)]
struct Waiter {
    host: usize,
    place: Place,
    came: Time,
    /// When it was answered, and with what.
    answered: Option<(Time, ConnectionId)>,
}

impl Subject {
    pub fn new(settings: Settings, limits: &[Option<usize>]) -> Self {
        let config = Config::try_from(settings).expect("sound settings");
        assert_eq!(config.settings().shards, 1, "the model knows one shard");
        #[allow(clippy::disallowed_methods)] // any instant will do as the start
        let start = Time::START;
        let mut engine = Engine::new(&config, ShardId(0));
        for (&limit, key) in limits.iter().zip(0_u32..) {
            if let Some(connections) = limit {
                engine.limit_host(u64::from(key), &key, connections);
            }
        }
        Self {
            engine,
            room: LocalRoom::new(&config),
            start,
            now: start,
            told: start,
            inputs: 0,
            hosts: limits.len(),
            requests: Vec::new(),
            connections: Vec::new(),
            hosts_of: Vec::new(),
            numbers: BTreeMap::new(),
            effects: Vec::new(),
            general: false,
            lives: None,
            lanes: None,
        }
    }

    /// The same with lanes, which are called back when the engine must see an input.
    pub fn with_lanes(settings: Settings, limits: &[Option<usize>]) -> Self {
        let mut subject = Self::new(settings, limits);
        subject.lanes = Some(Lanes {
            of: limits.iter().map(|_| Lane::new()).collect(),
            ..Lanes::default()
        });
        subject
    }

    /// How many requests lanes have served, at once and after waiting.
    pub fn hits(&self) -> [u64; 2] {
        self.lanes.as_ref().map_or([0; 2], |lanes| lanes.hits)
    }

    /// The same without the engine's fast paths.
    pub fn general(settings: Settings, limits: &[Option<usize>]) -> Self {
        let mut subject = Self::new(settings, limits);
        subject.engine.go_general();
        subject.general = true;
        subject
    }

    /// The same with an observed engine, whose events are checked.
    pub fn observed(settings: Settings, limits: &[Option<usize>]) -> Self {
        let mut subject = Self::new(settings, limits);
        subject.engine.observe(true);
        subject.lives = Some(Lives::default());
        subject
    }

    /// A hash of all that decides the engine's future.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let engines = std::slice::from_ref(&self.engine);
        fingerprint(engines, &self.room, iter::empty(), self.now, &mut hasher);
        hasher.finish()
    }

    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// Makes one input, checks every invariant, and collects the engine's actions.
    pub fn input(&mut self, input: Input) -> Reply {
        self.effects.clear();
        let reply = match self.act_in_lane(input) {
            Some(reply) => reply,
            None => self.act(input, self.time_to_tell()),
        };
        self.note_held(input, reply);
        if !matches!(input, Input::Pass(_) | Input::Take(_)) {
            self.told = self.now;
        }
        self.inputs += 1;
        self.check();
        self.gather();
        reply
    }

    /// Calls the lanes back, and collects the engine's actions.
    pub(super) fn drain(&mut self) {
        self.effects.clear();
        self.call_back(self.now);
        self.check();
        self.gather();
    }

    fn check(&mut self) {
        check(&self.engine, self.room.budget());
        check_settled(std::slice::from_ref(&self.engine), &mut self.room);
    }

    /// Reads the events so far.
    fn follow_events(&mut self) {
        if let Some(lives) = &mut self.lives {
            lives.follow(&mut self.engine, &mut self.room);
        }
    }

    fn gather(&mut self) {
        self.follow_events();
        while let Some(action) = self.engine.poll_action() {
            if let Some(lives) = &mut self.lives {
                lives.act(&action);
            }
            let effect = self.effect(&action);
            self.effects.push(effect);
        }
    }

    pub fn view(&mut self) -> View {
        let hosts: Vec<_> = (0..self.hosts).map(|host| self.host(host)).collect();
        let mut counts = vec![Counts::default(); self.hosts];
        for (&host, its) in self.engine.hosts() {
            counts[host as usize] = its;
        }
        let next = hosts.iter().map(|&host| self.engine.next_idle(host));
        let next = next.map(|next| next.map(|id| self.numbers[&id]));
        View {
            totals: self.engine.totals(),
            hosts: counts,
            next: next.collect(),
            held: self.held(),
            connecting: self.connections(Engine::is_connecting),
            idle: self.connections(Engine::is_idle),
            due: self
                .engine
                .poll_timeout()
                .map(|(at, due)| (at - self.start, due)),
            claims: self.room.budget().claims(),
            queued: self.room.queued(),
            overtakes: self.room.budget().overtakes(),
            taken: self.engine.waiting_time().count(),
            waiting: self.waiting(),
        }
    }

    /// The time of an input. Threads may read the clock in one order and make their inputs in
    /// another.
    fn time_to_tell(&self) -> Time {
        if self.lanes.is_some() {
            return self.now;
        }
        let late = self.told == self.now && self.now > self.start && self.inputs.is_multiple_of(4);
        Time::from_nanos(self.now.nanos() - 1_000 * u64::from(late))
    }

    /// Makes an input without the engine, or beside open lanes. Otherwise calls the lanes back.
    fn act_in_lane(&mut self, input: Input) -> Option<Reply> {
        self.lanes.as_ref()?;
        let done = match input {
            Input::Lease(host) => self.lease_in_lane(host),
            Input::Release(request, Return::Reuse) => self.release_in_lane(request),
            Input::Take(request) => self.take_in_lane(request),
            Input::Forget(request) => self.forget_in_lane(request),
            _ => None,
        };
        if done.is_some() {
            return done;
        }
        let waited = match input {
            // Neither has an effect beside the time, and the answer.
            Input::Pass(_) | Input::Take(_) => return None,
            Input::Lease(host) => {
                let key = u32::try_from(host).expect("few hosts");
                if self.engine.has_available(key.into(), &key) {
                    return None;
                }
                Duration::ZERO
            }
            Input::Wait(time) => time,
            _ => Duration::ZERO,
        };
        self.call_back(self.now + waited);
        None
    }

    fn lease_in_lane(&mut self, host: usize) -> Option<Reply> {
        let Self {
            engine,
            room,
            lanes: Some(lanes),
            now,
            ..
        } = self
        else {
            return None;
        };
        if room.oldest_claim().is_some() {
            return None;
        }
        let number = self.requests.len();
        let lane = &mut lanes.of[host];
        if let Some((id, seat, connection)) = lane.lend(*now, || ask((), number), ()) {
            lanes.hits[0] += 1;
            lanes.seats.insert(id, seat);
            self.requests.push(id);
            return Some(Reply::Taken(Some(Taken {
                connection: Some(self.numbers[&connection]),
                from_cache: Some(FromCache::Immediate),
                spent: Timing::default(),
            })));
        }
        let park = |lane: &mut Lane<_, _, _>, room: &mut LocalRoom| {
            let arrival = || Arrival {
                ticket: room.ticket(),
                overtakes: room.overtakes(),
            };
            lane.park(*now, || number as u64, arrival, (), || number)
        };
        let parked = park(lane, room).or_else(|| {
            let key = u32::try_from(host).expect("few hosts");
            let (_, until) = engine.let_wait(*now, room, (key.into(), &key))?;
            lane.let_wait(*now, until);
            park(lane, room)
        });
        let (_, place) = parked?;
        let waiter = Waiter {
            host,
            place,
            came: *now,
            answered: None,
        };
        lanes.waiting.insert(number, waiter);
        // Its id comes with its connection, or when the lane is called back.
        self.requests
            .push(RequestId::outside(number as u64, ShardId(0)));
        Some(Reply::Taken(None))
    }

    fn release_in_lane(&mut self, request: usize) -> Option<Reply> {
        let id = self.requests[request];
        let plain = self.room.oldest_claim().is_none();
        let Self {
            engine,
            room,
            lanes: Some(lanes),
            now,
            ..
        } = self
        else {
            return None;
        };
        let &(host, connection) = lanes.held.get(&id)?;
        let lane = &mut lanes.of[host];
        let seat = lanes.seats.remove(&id).unwrap_or(Seat::NONE);
        if plain && let Ok(woken) = lane.take_back(*now, seat, connection) {
            self.answer_in_lane(woken, connection);
        } else if let Some(terms) = engine.lend_out(*now, room, id) {
            let woken = lane.take_in(terms, (), connection);
            self.answer_in_lane(woken, connection);
        } else if !engine.hand_on(*now, room, id) {
            return None;
        }
        Some(Reply::Nothing)
    }

    fn take_in_lane(&mut self, request: usize) -> Option<Reply> {
        let lanes = self.lanes.as_mut()?;
        let waiter = *lanes.waiting.get(&request)?;
        match lanes.of[waiter.host].look(waiter.place, |_| None) {
            Look::Waits(_) => Some(Reply::Taken(None)),
            Look::Elsewhere => panic!("the lane was called back unheard"),
            Look::Taken(id, seat, connection) => {
                let queued = lanes.of[waiter.host].queued(seat).expect("it is here");
                lanes.waiting.remove(&request);
                lanes.seats.insert(id, seat);
                lanes.hits[1] += 1;
                self.requests[request] = id;
                let mut spent = Timing::default();
                spent.queued = Duration::from_nanos(queued);
                assert_eq!(waiter.answered.map(|it| it.1), Some(connection));
                assert_eq!(
                    waiter.answered.map(|it| it.0 - waiter.came),
                    Some(spent.queued)
                );
                Some(Reply::Taken(Some(Taken {
                    connection: Some(self.numbers[&connection]),
                    from_cache: Some(FromCache::Deferred),
                    spent,
                })))
            }
        }
    }

    fn forget_in_lane(&mut self, request: usize) -> Option<Reply> {
        let plain = self.room.oldest_claim().is_none();
        let lanes = self.lanes.as_mut().filter(|_| plain)?;
        let waiter = *lanes.waiting.get(&request)?;
        let [waker, woken] = lanes.of[waiter.host].withdraw(self.now, waiter.place)?;
        lanes.waiting.remove(&request);
        assert!(waker.is_none_or(|number| number == request));
        if let Some((_, connection)) = waiter.answered {
            self.answer_in_lane(woken, connection);
        }
        Some(Reply::Nothing)
    }

    /// A request that waited in a lane gets this connection.
    fn answer_in_lane(&mut self, woken: Option<usize>, connection: ConnectionId) {
        let Some((number, lanes)) = woken.zip(self.lanes.as_mut()) else {
            return;
        };
        let waiter = lanes.waiting.get_mut(&number).expect("it waits");
        waiter.answered = Some((self.now, connection));
        let connection = self.numbers[&connection];
        self.effects
            .push(Effect::Answer(number, Outcome::Connection(connection)));
    }

    /// Notes the connection that a request has taken.
    fn note_held(&mut self, input: Input, reply: Reply) {
        let request = match input {
            Input::Take(request) => request,
            _ => self.requests.len().saturating_sub(1),
        };
        if let (
            Some(lanes),
            Reply::Taken(Some(Taken {
                connection: Some(number),
                ..
            })),
        ) = (&mut self.lanes, reply)
        {
            let held = (self.hosts_of[number], self.connections[number]);
            lanes.held.insert(self.requests[request], held);
        }
    }

    /// Calls the lanes back, so that the engine has seen all hits.
    fn call_back(&mut self, now: Time) {
        let Some(lanes) = &mut self.lanes else { return };
        if !lanes.of.iter().any(Lane::is_open) {
            return;
        }
        let open = lanes.of.iter_mut().enumerate();
        let returned = open.filter(|(_, lane)| lane.is_open()).map(|(host, lane)| {
            let key = u32::try_from(host).expect("few hosts");
            let host = self.engine.find_host(key.into(), &key);
            let returned = lane.call_back().split(|(), _| (), |(), _| ());
            (host.expect("it has connections"), returned)
        });
        let returned: Vec<_> = returned.collect();
        for id in self.engine.catch_up(now, &mut self.room, returned) {
            let number = number(id);
            lanes.waiting.remove(&number).expect("it waited there");
            self.requests[number] = id;
        }
        assert!(lanes.waiting.is_empty());
    }

    fn act(&mut self, input: Input, now: Time) -> Reply {
        let Self { engine, room, .. } = self;
        match input {
            Input::Request {
                host,
                timeout,
                queue_timeout,
            } => self.request(now, host, timeout, queue_timeout),
            Input::Lease(host) => return Reply::Taken(self.lease(now, host)),
            Input::Take(request) => return Reply::Taken(self.take(request)),
            Input::Release(request, how) => {
                engine.released(now, room, self.requests[request], how);
            }
            Input::Cancel(request) => {
                let cancelled = engine.cancel(now, room, self.requests[request]);
                return Reply::Cancelled(cancelled);
            }
            Input::Forget(request) => {
                let id = self.requests[request];
                // Everything due has happened first.
                engine.tick(now, room);
                if self.general || engine.forget_parked(room, id).is_none() {
                    engine.forget(now, room, id);
                }
            }
            Input::Reject(request) => engine.reject(now, room, self.requests[request]),
            Input::Connected(attempt, capacity) => {
                let id = self.connections[attempt];
                return Reply::Wanted(engine.connected(now, room, id, capacity));
            }
            Input::Failed(attempt) => engine.failed(now, room, self.connections[attempt]),
            Input::Progress(attempt, phase) => {
                engine.progress(now, room, self.connections[attempt], phase);
            }
            Input::Closed(number) => engine.closed(now, room, self.connections[number]),
            Input::PeerClosed(number) => engine.peer_closed(now, room, self.connections[number]),
            Input::CapacityChanged(number, capacity) => {
                engine.capacity_changed(now, room, self.connections[number], capacity);
            }
            Input::Wait(time) => {
                self.now += time;
                engine.tick(self.now, room);
            }
            Input::Pass(time) => self.now += time,
            Input::ShutDown => {
                room.budget().freeze();
                engine.shut_down(now, room);
            }
            Input::Abandon => {
                room.budget().freeze();
                engine.abandon(now, room);
                room.budget().thaw();
                engine.resume(now, room);
            }
        }
        Reply::Nothing
    }

    fn request(
        &mut self,
        now: Time,
        host: usize,
        timeout: Option<Duration>,
        queue_timeout: Option<Duration>,
    ) {
        let ask = Ask {
            host: self.host(host),
            number: self.requests.len() as u64,
            timeout,
            queue_timeout,
        };
        let id = self.engine.request(now, &mut self.room, ask);
        self.requests.push(id);
    }

    fn lease(&mut self, now: Time, host: usize) -> Option<Taken> {
        let number = self.requests.len();
        let key = u32::try_from(host).expect("few hosts");
        let ask = ask((u64::from(key), &key), number);
        let (engine, room) = (&mut self.engine, &mut self.room);
        let leased = match self.general {
            true => None,
            false => engine.lease(now, room, ask, (), |connection| connection),
        };
        match leased {
            Some(Leased::Held(id, connection)) => {
                self.requests.push(id);
                return Some(Taken {
                    connection: Some(self.numbers[&connection]),
                    from_cache: Some(FromCache::Immediate),
                    spent: self.engine.timing(id)?,
                });
            }
            Some(Leased::Waits(id)) => self.requests.push(id),
            None => {
                self.call_back(now);
                self.request(now, host, None, None);
            }
        }
        self.gather();
        let told = |effect: &Effect| matches!(effect, Effect::Answer(id, Outcome::Connection(_)) if *id == number);
        let told = self.effects.iter().position(told)?;
        self.effects.remove(told);
        self.take(number)
    }

    fn take(&mut self, request: usize) -> Option<Taken> {
        let spent = self.engine.timing(self.requests[request]);
        let taken = self.engine.take(self.requests[request])?;
        Some(Taken {
            connection: taken.connection.map(|id| self.numbers[&id]),
            from_cache: taken.from_cache,
            spent: spent.expect("an answered request has one"),
        })
    }

    fn effect(&mut self, action: &Action) -> Effect {
        match *action {
            Action::Connect(id, host) => {
                let number = self.connections.len();
                self.connections.push(id);
                self.numbers.insert(id, number);
                let host = *self.engine.key(host).expect("a host in use") as usize;
                self.hosts_of.push(host);
                Effect::Connect(number, host)
            }
            Action::Answer(id, answer) => Effect::Answer(number(id), self.outcome(answer)),
            Action::Cancel(id) => Effect::Cancel(self.numbers[&id]),
            Action::Close(id) => Effect::Close(self.numbers[&id]),
            Action::Abandon(id) => Effect::Abandon(self.numbers[&id]),
            Action::Send(..) => panic!("there is no other shard"),
        }
    }

    fn outcome(&self, answer: Answer) -> Outcome {
        match answer {
            Answer::Connection(id) => Outcome::Connection(self.numbers[&id]),
            Answer::Failed => Outcome::Failed,
            Answer::TimedOut(waiting) => Outcome::TimedOut(waiting.reason(), waiting.elapsed()),
            Answer::QueueFull { max } => Outcome::QueueFull(max),
            Answer::Cancelled => Outcome::Cancelled,
            Answer::ShutDown => Outcome::ShutDown,
            Answer::Abandoned => Outcome::Abandoned,
        }
    }

    pub(super) fn host(&mut self, host: usize) -> HostId {
        let key = u32::try_from(host).expect("few hosts");
        self.engine.host(u64::from(key), &key)
    }

    fn waiting(&mut self) -> Vec<(usize, keepalive_engine::Reason, Duration)> {
        let Self {
            engine, room, now, ..
        } = self;
        let waiting = self
            .requests
            .iter()
            .enumerate()
            .filter_map(|(number, &id)| {
                let waiting = engine.waiting(*now, room, id)?;
                Some((number, waiting.reason(), waiting.elapsed()))
            });
        waiting.collect()
    }

    fn held(&self) -> Vec<(usize, usize, Duration)> {
        let mut held: Vec<_> = self
            .engine
            .held()
            .map(|(id, &host, since, ())| (number(id), host as usize, since - self.start))
            .collect();
        held.sort_unstable();
        held
    }

    fn connections(&self, wanted: fn(&Engine<u32>, ConnectionId) -> bool) -> Vec<usize> {
        let connections = self.connections.iter().enumerate();
        connections
            .filter(|&(_, &id)| wanted(&self.engine, id))
            .map(|(number, _)| number)
            .collect()
    }
}

/// A request without timeouts of its own.
fn ask<H>(host: H, number: usize) -> Ask<H> {
    Ask {
        host,
        number: number as u64,
        timeout: None,
        queue_timeout: None,
    }
}

/// The number of a request: its place in the order of arrival.
fn number(id: RequestId) -> usize {
    id.to_string().parse().expect("an id shows its number")
}
