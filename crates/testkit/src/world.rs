//! A world of engines without IO: attempts, closings and messages end when the test says so.

#![allow(clippy::print_stderr)] // a trace is for whoever replays a seed

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use keepalive_engine::{
    Action, Answer, Ask, Config, ConnectionId, Engine, FromCache, HostId, LocalRoom, Message,
    Phase, RequestId, Return, Room, Settings, ShardId, Taken, check, check_settled,
};

/// What a request has come to, as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Waiting,
    Answered(Answer),
    Held(ConnectionId),
}

pub struct World {
    pub engines: Vec<Engine<u32>>,
    pub room: LocalRoom,
    pub start: Instant,
    pub now: Instant,
    pub fates: BTreeMap<RequestId, (u32, Fate)>,
    pub attempts: Vec<(usize, ConnectionId, u32)>,
    pub closing: Vec<(usize, ConnectionId)>,
    pub messages: VecDeque<(usize, Message)>,
    pub abandoned: u64,
    /// The order in which requests were answered with a connection.
    pub served: Vec<RequestId>,
    /// Requests in the order they came, or came again.
    pub arrivals: Vec<RequestId>,
    /// Connections that have been taken.
    used: BTreeSet<(usize, ConnectionId)>,
    /// Whether connections may carry several leases.
    pub multiplexed: bool,
    pub trace: u64,
    numbers: u64,
}

impl World {
    pub fn new(settings: Settings) -> Self {
        let config = Config::try_from(settings).expect("sound settings");
        let shards = config.settings().shards;
        #[allow(clippy::disallowed_methods)] // any instant will do as the start
        let start = Instant::now();
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
            arrivals: Vec::new(),
            used: BTreeSet::new(),
            multiplexed: false,
            trace: 0,
            numbers: 0,
        }
    }

    pub fn shard_of(&self, host: u32) -> usize {
        host as usize % self.engines.len()
    }

    pub fn host(&mut self, host: u32) -> HostId {
        let shard = self.shard_of(host);
        self.engines[shard].host(u64::from(host).wrapping_mul(0x9E37_79B9_7F4A_7C15), &host)
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
        self.fates.insert(id, (host, Fate::Waiting));
        self.arrivals.push(id);
        self.drain(shard);
        id
    }

    pub fn take(&mut self, id: RequestId) -> Option<Taken> {
        let shard = usize::from(id.shard().0);
        let taken = self.engines[shard].take(id)?;
        match taken.connection {
            Some(connection) => {
                let used = !self.used.insert((shard, connection));
                match taken.from_cache {
                    // One that carries several leases is new to all who wait for it.
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
        let done = self.engines[shard].cancel(self.now, &mut self.room, id);
        self.drain(shard);
        done
    }

    pub fn forget(&mut self, id: RequestId) {
        let shard = usize::from(id.shard().0);
        self.engines[shard].forget(self.now, &mut self.room, id);
        self.fates.remove(&id);
        self.drain(shard);
    }

    pub fn release(&mut self, id: RequestId, how: Return) {
        let shard = usize::from(id.shard().0);
        let fate = self.fates.remove(&id);
        assert!(matches!(fate, Some((_, Fate::Held(_)))), "{fate:?}");
        self.engines[shard].released(self.now, &mut self.room, id, how);
        self.drain(shard);
    }

    /// The attempt at `index` succeeds.
    pub fn connect(&mut self, index: usize, capacity: usize) -> ConnectionId {
        let (shard, id, _) = self.attempts.swap_remove(index);
        self.multiplexed |= capacity > 1;
        assert!(self.engines[shard].connected(self.now, &mut self.room, id, capacity));
        self.drain(shard);
        id
    }

    pub fn fail(&mut self, index: usize) {
        let (shard, id, _) = self.attempts.swap_remove(index);
        self.engines[shard].failed(self.now, &mut self.room, id);
        self.drain(shard);
    }

    pub fn progress(&mut self, index: usize, phase: Phase) {
        let (shard, id, _) = self.attempts[index];
        self.engines[shard].progress(self.now, &mut self.room, id, phase);
        self.drain(shard);
    }

    pub fn finish_close(&mut self, index: usize) {
        let (shard, id) = self.closing.swap_remove(index);
        self.engines[shard].closed(self.now, &mut self.room, id);
        self.drain(shard);
    }

    pub fn peer_closes(&mut self, shard: usize, id: ConnectionId) {
        self.engines[shard].peer_closed(self.now, &mut self.room, id);
        self.drain(shard);
    }

    pub fn deliver_message(&mut self) {
        if let Some((shard, message)) = self.messages.pop_front() {
            self.engines[shard].told(self.now, &mut self.room, message);
            self.drain(shard);
        }
    }

    /// Closings and messages end at once, as they do for plain sockets.
    pub fn run(&mut self) {
        while !self.closing.is_empty() || !self.messages.is_empty() {
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
        }
    }

    /// What carries the attempts out has gone.
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

    fn end(&mut self, end: fn(&mut Engine<u32>, Instant, &mut LocalRoom)) {
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

    /// The connection held for a request goes before the answer is taken.
    pub fn reject(&mut self, id: RequestId) {
        let shard = usize::from(id.shard().0);
        self.fates.get_mut(&id).expect("known").1 = Fate::Waiting;
        self.arrivals.push(id);
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

    /// Takes and gives back.
    pub fn use_and_free(&mut self, id: RequestId) {
        assert!(self.take(id).expect("answered").connection.is_some());
        self.release(id, Return::Reuse);
    }

    pub fn open(&mut self) -> usize {
        self.room.budget().open()
    }

    pub fn drain(&mut self, shard: usize) {
        check(&self.engines[shard], self.room.budget());
        while let Some(action) = self.engines[shard].poll_action() {
            let text = format!("{action:?}");
            if std::env::var_os("KEEPALIVE_TRACE").is_some() {
                eprintln!("shard {shard}: {text}");
            }
            for byte in text.bytes() {
                self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            match action {
                Action::Answer(id, answer) => self.note(id, answer),
                Action::Connect(id, host) => {
                    let host = *self.engines[shard].key(host).expect("a host in use");
                    self.attempts.push((shard, id, host));
                }
                Action::Cancel(id) => {
                    let before = self.attempts.len();
                    self.attempts
                        .retain(|&(at, attempt, _)| (at, attempt) != (shard, id));
                    assert_eq!(self.attempts.len() + 1, before, "an attempt in flight");
                    self.closing.push((shard, id));
                }
                Action::Close(id) => self.closing.push((shard, id)),
                Action::Abandon(id) => {
                    assert!(self.closing.contains(&(shard, id)), "it was closing");
                    self.abandoned += 1;
                }
                Action::Tell(to, message) => {
                    self.messages.push_back((usize::from(to.0), message));
                }
            }
        }
        if let Some((at, due)) = self.engines[shard].poll_timeout() {
            assert!(at >= self.now, "{due:?} is overdue after a drain");
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
        if matches!(answer, Answer::Connection(_)) {
            self.served.push(id);
        }
        self.fates.insert(id, (host, Fate::Answered(answer)));
    }
}
