//! One state of a small world, and every input that can follow.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use keepalive_engine::{
    Answer, Capacity, ConnectionId, Phase, RequestId, Return, Room, check_settled, fingerprint,
};

use super::small::{STEP, Small};
use crate::world::{Fate, World};

/// One input. A place names its subject: of a request its place by number, of anything else its
/// place in the world's own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A request for this host.
    Request(u8),
    /// The same, with its answer taken in one step.
    Lease(u8),
    /// The same, with a deadline after one step.
    Hurried(u8),
    /// The same, whose attempt must begin within one step.
    Impatient(u8),
    Take(u8),
    /// A lease comes back, to be used again.
    Reuse(u8),
    /// A lease comes back, to be closed.
    Close(u8),
    /// A lease comes back, closed already.
    Closed(u8),
    Cancel(u8),
    Forget(u8),
    Reject(u8),
    Connect(u8),
    /// The attempt ends in a connection for two leases.
    ConnectTwo(u8),
    /// The attempt ends in a connection whose peer has not announced how many leases it carries.
    ConnectOpen(u8),
    Fail(u8),
    Progress(u8),
    PeerCloses(u8),
    /// The connection can carry one lease from now on.
    Narrow(u8),
    /// The connection can carry two leases from now on.
    Widen(u8),
    /// The connection takes no lease at present.
    Pause(u8),
    FinishClose(u8),
    /// A withdrawn attempt succeeds.
    ConnectLate(u8),
    /// A withdrawn attempt fails.
    FailLate(u8),
    Deliver(u8),
    Step,
    /// All shards begin to shut down.
    ShutDown,
    /// The runtime that ran the attempts has gone: the shards end likewise, but serve later
    /// requests again.
    Abandon,
    /// The end proceeds to the next shard, and at last to the budget.
    End,
}

#[derive(Clone)]
pub(crate) struct Scene<'a> {
    small: &'a Small,
    world: World,
    shut_down: bool,
    /// How many shards have ended, while the end is under way.
    ending: Option<usize>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(small: &'a Small) -> Self {
        let mut world = World::new(small.settings.clone());
        world.multiplexed = small.capacity > 1;
        for host in 0..small.hosts {
            world.host(u32::from(host));
        }
        world.wait(Duration::ZERO);
        Self {
            small,
            world,
            shut_down: false,
            ending: None,
        }
    }

    /// Two hashes of all that decides the future.
    pub(crate) fn fingerprint(&self) -> u128 {
        let mut hasher = Wide(DefaultHasher::new(), DefaultHasher::new());
        hasher.1.write_u8(1);
        let world = &self.world;
        let messages = world
            .messages
            .iter()
            .map(|(shard, message)| (*shard, message));
        fingerprint(
            &world.engines,
            &world.room,
            messages,
            world.now,
            &mut hasher,
        );
        (world.ledger.withdrawn_hosts(), self.shut_down, self.ending).hash(&mut hasher);
        u128::from(hasher.0.finish()) << 64 | u128::from(hasher.1.finish())
    }

    /// Every input that is possible now.
    pub(crate) fn operations(&self) -> Vec<Op> {
        let mut all = Vec::new();
        self.add_requests(&mut all);
        self.add_answers(&mut all);
        self.add_connections(&mut all);
        for (index, _) in numbered(&self.world.messages) {
            all.push(Op::Deliver(index));
        }
        if self.small.clock {
            all.push(Op::Step);
        }
        if self.ending.is_some() {
            all.push(Op::End);
        } else if self.small.ends && !self.shut_down {
            all.extend([Op::ShutDown, Op::Abandon]);
        }
        all
    }

    /// The next input on the way to the end, without further requests; `None` if nothing is under
    /// way.
    pub(crate) fn finish(&self) -> Option<Op> {
        let place = |wanted: fn(&Fate) -> bool| {
            let place = self.world.fates.values().position(|(_, fate)| wanted(fate));
            place.map(|place| place as u8)
        };
        if self.ending.is_some() {
            Some(Op::End)
        } else if !self.world.messages.is_empty() {
            Some(Op::Deliver(0))
        } else if !self.world.attempts.is_empty() {
            Some(Op::Connect(0))
        } else if let Some(answered) = place(|fate| matches!(fate, Fate::Answered(_))) {
            Some(Op::Take(answered))
        } else if let Some(held) = place(|fate| matches!(fate, Fate::Held(_))) {
            Some(Op::Reuse(held))
        } else if let Some(place) = self.world.ledger.first_provisional() {
            Some(Op::Widen(place as u8))
        } else {
            (!self.world.closing.is_empty()).then_some(Op::FinishClose(0))
        }
    }

    /// Makes one input, and then runs all checks.
    pub(crate) fn apply(&mut self, op: Op) {
        self.perform(op);
        self.world.served.clear();
        let open = self.world.engines.iter().map(|it| it.totals().open);
        let known = self.world.ledger.len();
        assert_eq!(open.sum::<usize>(), known, "I3: no permit is lost");
        if self.world.messages.is_empty() && self.ending.is_none() {
            check_settled(&self.world.engines, &mut self.world.room);
        }
    }

    /// Nothing is under way: all requests must have been answered, and time must end everything
    /// else.
    pub(crate) fn check_end(mut self) {
        let left = &self.world.fates;
        assert!(left.is_empty(), "I11: nothing is under way for {left:?}");
        self.world.wait(Duration::from_secs(3600));
        self.world.run();
        if self.small.settings.keep_alive != Duration::MAX {
            assert_eq!(self.world.open(), 0, "I9: what is idle closes in time");
        }
        if !self.shut_down {
            self.world.shut_down();
        }
        self.world.run();
        assert_eq!(self.world.open(), 0, "I8: every connection is closed");
        for engine in &self.world.engines {
            assert!(engine.is_empty());
            assert_eq!(engine.poll_timeout(), None);
        }
    }

    fn add_requests(&self, all: &mut Vec<Op>) {
        if self.world.fates.len() == self.small.requests {
            return;
        }
        for host in 0..self.small.hosts {
            all.extend([Op::Request(host), Op::Lease(host)]);
            if self.small.clock {
                all.extend([Op::Hurried(host), Op::Impatient(host)]);
            }
        }
    }

    fn add_answers(&self, all: &mut Vec<Op>) {
        for (index, (_, fate)) in numbered(self.world.fates.values()) {
            match fate {
                Fate::Waiting => all.extend([Op::Cancel(index), Op::Forget(index)]),
                Fate::Answered(Answer::Connection(_)) => all.extend([
                    Op::Take(index),
                    Op::Cancel(index),
                    Op::Forget(index),
                    Op::Reject(index),
                ]),
                Fate::Answered(_) => all.push(Op::Take(index)),
                Fate::Held(_) => {
                    all.extend([Op::Reuse(index), Op::Close(index), Op::Reject(index)]);
                    if self.small.capacity == 1 {
                        all.push(Op::Closed(index));
                    }
                }
            }
        }
    }

    fn add_connections(&self, all: &mut Vec<Op>) {
        for (index, _) in numbered(&self.world.attempts) {
            all.extend([Op::Connect(index), Op::Fail(index), Op::Progress(index)]);
            if self.small.capacity > 1 {
                all.extend([Op::ConnectTwo(index), Op::ConnectOpen(index)]);
            }
        }
        for (index, _) in numbered(self.world.ledger.open()) {
            all.push(Op::PeerCloses(index));
            if self.small.capacity > 1 {
                all.extend([Op::Narrow(index), Op::Widen(index), Op::Pause(index)]);
            }
        }
        for (index, &(shard, id)) in numbered(&self.world.closing) {
            all.push(Op::FinishClose(index));
            if self.world.ledger.is_withdrawn(shard, id) {
                all.extend([Op::ConnectLate(index), Op::FailLate(index)]);
            }
        }
    }

    fn perform(&mut self, op: Op) {
        match op {
            Op::Request(host) => self.ask(host, None, None),
            Op::Lease(host) => {
                self.world.lease(host.into(), None);
            }
            Op::Hurried(host) => self.ask(host, Some(STEP), None),
            Op::Impatient(host) => self.ask(host, None, Some(STEP)),
            Op::Take(index) => {
                let id = self.request(index);
                self.world.take(id).expect("an answer");
            }
            Op::Reuse(index) => self.world.release(self.request(index), Return::Reuse),
            Op::Close(index) => self.world.release(self.request(index), Return::Close),
            Op::Closed(index) => self.world.release(self.request(index), Return::Closed),
            Op::Cancel(index) => {
                let id = self.request(index);
                assert!(self.world.cancel(id), "there was something to withdraw");
            }
            Op::Forget(index) => self.world.forget(self.request(index)),
            Op::Reject(index) => {
                self.world.reject(self.request(index));
            }
            Op::Connect(index) => self.connect(index, Capacity::One),
            Op::ConnectTwo(index) => self.connect(index, Capacity::Shared(2)),
            Op::ConnectOpen(index) => self.connect(index, Capacity::Provisional(1)),
            Op::Fail(index) => self.world.fail(index.into()),
            Op::Progress(index) => self.world.progress(index.into(), Phase::Connect),
            Op::PeerCloses(index) => {
                let (shard, id) = self.open(index);
                self.world.peer_closes(shard, id);
            }
            Op::Narrow(index) => self.change_capacity(index, 1),
            Op::Widen(index) => self.change_capacity(index, 2),
            Op::Pause(index) => self.change_capacity(index, 0),
            Op::FinishClose(index) => self.world.finish_close(index.into()),
            Op::ConnectLate(index) => assert!(self.world.connect_late(index.into()), "withdrawn"),
            Op::FailLate(index) => assert!(self.world.fail_late(index.into()), "withdrawn"),
            Op::Deliver(index) => {
                self.world.messages.swap(0, index.into());
                self.world.deliver_message();
            }
            Op::Step => self.world.wait(STEP),
            Op::ShutDown => {
                self.shut_down = true;
                self.begin_end();
            }
            Op::Abandon => self.begin_end(),
            Op::End => self.end_next(),
        }
    }

    fn ask(&mut self, host: u8, timeout: Option<Duration>, queue_timeout: Option<Duration>) {
        self.world.ask(host.into(), timeout, queue_timeout);
    }

    fn request(&self, index: u8) -> RequestId {
        let id = self.world.fates.keys().nth(index.into());
        *id.expect("a request at this place")
    }

    fn connect(&mut self, index: u8, capacity: Capacity) {
        self.world.connect(index.into(), capacity);
    }

    fn open(&self, index: u8) -> (usize, ConnectionId) {
        self.world.ledger.open()[usize::from(index)]
    }

    fn change_capacity(&mut self, index: u8, capacity: usize) {
        let (shard, id) = self.open(index);
        let capacity = Capacity::shared(capacity);
        self.world.set_capacity(shard, id, capacity);
    }

    fn begin_end(&mut self) {
        self.world.room.budget().freeze();
        self.ending = Some(0);
    }

    /// Does a driver's next step of the end: one lock after the other.
    fn end_next(&mut self) {
        let done = self.ending.expect("an end under way");
        self.ending = Some(done + 1);
        let World {
            engines, room, now, ..
        } = &mut self.world;
        let shards = engines.len();
        if done < shards {
            if self.shut_down {
                engines[done].shut_down(*now, room);
            } else {
                engines[done].abandon(*now, room);
            }
            assert_eq!(engines[done].totals().waiting, 0, "everybody is answered");
            assert_eq!(engines[done].totals().idle, 0, "nothing is kept");
            self.world.drain(done);
        } else if self.shut_down {
            self.ending = None;
        } else if done == shards {
            room.budget().thaw();
        } else {
            self.ending = None;
            engines[0].resume(*now, room);
            self.world.drain(0);
        }
        if done + 1 == shards {
            let begun = &self.world.attempts;
            assert!(
                begun.is_empty(),
                "I8: while all ends, none begins: {begun:?}"
            );
        }
    }
}

/// Feeds two hashers alike.
struct Wide(DefaultHasher, DefaultHasher);

impl Hasher for Wide {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

fn numbered<T>(items: impl IntoIterator<Item = T>) -> impl Iterator<Item = (u8, T)> {
    (0..).zip(items)
}
