//! Random inputs to one and to several engines: every invariant holds after every input, every
//! request is answered exactly once, hosts are served in order, nobody is overtaken beyond the
//! bound, and when the world comes to rest nothing is left.
//!
//! `KEEPALIVE_SEED=n cargo test -p keepalive-engine --test simulation` replays one seed,
//! `KEEPALIVE_SEEDS=n` runs more of them, and `KEEPALIVE_TRACE=1` prints every action.

#![allow(clippy::print_stderr)] // how to replay a failure

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use keepalive_engine::{
    Answer, IdleOrder, Phase, Reason, RequestId, Return, Room, Settings, check_settled,
};
use keepalive_testkit::dice::Dice;
use keepalive_testkit::world::{Fate, World};

const SEEDS: u64 = 300;
const STEPS: usize = 700;

#[test]
fn every_invariant_holds_whatever_happens() {
    let seeds = match std::env::var("KEEPALIVE_SEED") {
        Ok(seed) => vec![seed.parse().expect("a seed is a number")],
        Err(_) => {
            let seeds = std::env::var("KEEPALIVE_SEEDS").map_or(Ok(SEEDS), |seeds| seeds.parse());
            (0..seeds.expect("a number of seeds")).collect()
        }
    };
    for seed in seeds {
        let _replay = Replay(seed);
        let first = simulate(seed);
        let second = simulate(seed);
        assert_eq!(first, second, "the same seed gives the same actions");
    }
}

/// Says how to see a failure again.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed) = self;
            eprintln!(
                "replay: KEEPALIVE_SEED={seed} cargo test -p keepalive-engine --test simulation"
            );
        }
    }
}

fn settings(dice: &mut Dice) -> Settings {
    let some = |dice: &mut Dice, limit| (dice.below(3) == 0).then(|| 1 + dice.below(limit));
    let max_lifetime = some(dice, 400).map(|millis| Duration::from_millis(millis as u64));
    Settings {
        max_per_host: 1 + dice.below(4),
        max_open: 1 + dice.below(8),
        max_queued: some(dice, 12),
        max_connecting: some(dice, 4),
        keep_alive: Duration::from_millis([0, 20, 100, 1000][dice.below(4)]),
        timeout: Duration::from_millis([50, 300, 5000][dice.below(3)]),
        close_timeout: Duration::from_millis(40),
        max_lifetime,
        lifetime_jitter: 0.3,
        max_uses: some(dice, 6).map(|uses| uses as u64),
        idle_order: [IdleOrder::Lifo, IdleOrder::Fifo][dice.below(2)],
        reuse_run: [0, 1, 3, 16][dice.below(4)],
        finish_attempts: dice.below(4) == 0,
        seed: dice.roll(),
        shards: [1, 1, 2, 3][dice.below(4)],
    }
}

fn simulate(seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let settings = settings(&mut dice);
    let mut world = World::new(settings.clone());
    let mut watch = Watch::default();
    let hosts = 1 + dice.below(6);
    let multiplexed = dice.below(3) == 0;
    world.multiplexed = multiplexed;
    let prompt = dice.below(2) == 0;
    let weights: Vec<usize> = (0..9).map(|_| 1 + dice.below(8)).collect();
    let sum: usize = weights.iter().sum();
    for step in 0..STEPS {
        let mut pick = dice.below(sum);
        let operation = weights
            .iter()
            .position(|&weight| {
                let here = pick < weight;
                pick = pick.wrapping_sub(weight);
                here
            })
            .expect("a weight");
        operate(&mut world, &mut dice, operation, hosts as u32, multiplexed);
        if prompt {
            world.run();
        }
        if dice.below(150) == 0 {
            world.abandon();
        }
        watch.look(&mut world, &settings, step);
    }
    rest(&mut world, dice.below(2) == 0);
    world.trace
}

fn operate(world: &mut World, dice: &mut Dice, operation: usize, hosts: u32, multiplexed: bool) {
    let pick = |dice: &mut Dice, world: &World, wanted: fn(&Fate) -> bool| {
        let found: Vec<RequestId> = world
            .fates
            .iter()
            .filter(|(_, (_, fate))| wanted(fate))
            .map(|(&id, _)| id)
            .collect();
        (!found.is_empty()).then(|| found[dice.below(found.len())])
    };
    match operation {
        0 | 1 => {
            let host = dice.below(hosts as usize) as u32;
            let limit = |dice: &mut Dice| {
                (dice.below(4) == 0).then(|| Duration::from_millis(dice.below(100) as u64))
            };
            let (timeout, queue_timeout) = (limit(dice), limit(dice));
            world.ask(host, timeout, queue_timeout);
        }
        2 => {
            if let Some(id) = pick(dice, world, |fate| matches!(fate, Fate::Answered(_))) {
                world.take(id).expect("answered");
            }
        }
        3 => {
            if let Some(id) = pick(dice, world, |fate| matches!(fate, Fate::Held(_))) {
                let how = match dice.below(8) {
                    0 => Return::Close,
                    1 if !multiplexed => Return::Closed,
                    _ => Return::Reuse,
                };
                world.release(id, how);
            }
        }
        4 => {
            if !world.attempts.is_empty() {
                let index = dice.below(world.attempts.len());
                match dice.below(6) {
                    0 => world.fail(index),
                    1 => world.progress(index, Phase::Connect),
                    _ => {
                        let capacity = if multiplexed { 1 + dice.below(3) } else { 1 };
                        world.connect(index, capacity);
                    }
                }
            }
        }
        5 => {
            if let Some(id) = pick(dice, world, |fate| !matches!(fate, Fate::Held(_))) {
                if world.is_served(id) && dice.below(4) == 0 {
                    world.reject(id);
                } else if dice.below(2) == 0 {
                    world.forget(id);
                } else {
                    let refused = matches!(
                        world.answer(id),
                        Some(answer) if !matches!(answer, Answer::Connection(_))
                    );
                    assert_eq!(world.cancel(id), !refused);
                }
            }
        }
        6 => world.wait(Duration::from_millis(dice.below(60) as u64)),
        7 => {
            if !world.closing.is_empty() && dice.below(3) > 0 {
                let index = dice.below(world.closing.len());
                world.finish_close(index);
            } else {
                world.deliver_message();
            }
        }
        _ => {
            let held = pick(dice, world, |fate| matches!(fate, Fate::Held(_)));
            let Some(id) = held else { return };
            let Fate::Held(connection) = world.fates[&id].1 else {
                return;
            };
            let shard = usize::from(id.shard().0);
            if dice.below(2) == 0 {
                let capacity = if multiplexed { 1 + dice.below(4) } else { 1 };
                let now = world.now;
                world.engines[shard].capacity_changed(now, &mut world.room, connection, capacity);
                world.drain(shard);
            } else {
                // It may come back first and be idle when the peer closes it.
                if dice.below(2) == 0 {
                    world.release(id, Return::Reuse);
                }
                world.peer_closes(shard, connection);
            }
        }
    }
}

/// What can be seen from outside: order per host, and how often a waiting request is overtaken.
#[derive(Default)]
struct Watch {
    seen: usize,
    arrived: usize,
    queues: BTreeMap<u32, VecDeque<RequestId>>,
    /// When each came, or came again.
    places: BTreeMap<RequestId, usize>,
    overtaken: BTreeMap<RequestId, u64>,
}

impl Watch {
    fn look(&mut self, world: &mut World, settings: &Settings, step: usize) {
        for (place, &id) in world.arrivals.iter().enumerate().skip(self.arrived) {
            if let Some(&(host, _)) = world.fates.get(&id) {
                let queue = self.queues.entry(host).or_default();
                queue.retain(|&other| other != id);
                queue.push_back(id);
                self.places.insert(id, place);
            }
        }
        self.arrived = world.arrivals.len();
        let served: Vec<RequestId> = world.served[self.seen..].to_vec();
        self.seen = world.served.len();
        let waits =
            |world: &World, id: &RequestId| matches!(world.fates.get(id), Some((_, Fate::Waiting)));
        for id in served {
            let Some(&(host, _)) = world.fates.get(&id) else {
                continue;
            };
            let queue = self.queues.get_mut(&host).expect("it arrived");
            for &older in queue.iter().take_while(|&&other| other != id) {
                assert!(
                    !waits(world, &older),
                    "step {step}: {id} was served before {older} of the same host"
                );
            }
            for (&other, count) in &mut self.overtaken {
                if self.places[&other] < self.places[&id] {
                    *count += 1;
                }
            }
        }
        for queue in self.queues.values_mut() {
            queue.retain(|id| waits(world, id));
        }
        let bound = u64::from(settings.reuse_run) * settings.max_open as u64;
        let now = world.now;
        let mut still = BTreeMap::new();
        for id in self.queues.values().flatten() {
            let shard = usize::from(id.shard().0);
            let waiting = world.engines[shard].waiting(now, &mut world.room, *id);
            if let Some(Reason::TotalLimit { .. }) = waiting.map(|waiting| waiting.reason()) {
                still.insert(*id, self.overtaken.get(id).copied().unwrap_or(0));
            }
        }
        self.overtaken = still;
        // While connections close slowly, or shards have not heard of each other yet, capacity
        // that the older request cannot have may serve others.
        if settings.shards == 1 && world.closing.is_empty() {
            for (id, &count) in &self.overtaken {
                assert!(
                    count <= bound + settings.max_open as u64,
                    "step {step}: {id} was overtaken {count} times"
                );
            }
        } else {
            self.overtaken.clear();
        }
    }
}

/// No more faults and no more requests: everything must end.
fn rest(world: &mut World, shut_down: bool) {
    if shut_down {
        world.shut_down();
        world.run();
    }
    for _ in 0..10_000 {
        world.run();
        check_settled(&world.engines, &mut world.room);
        while !world.attempts.is_empty() {
            world.connect(0, 1);
            world.run();
        }
        let next = world.fates.iter().find_map(|(&id, (_, fate))| match fate {
            Fate::Answered(_) => Some((id, false)),
            Fate::Held(_) => Some((id, true)),
            Fate::Waiting => None,
        });
        match next {
            Some((id, true)) => world.release(id, Return::Reuse),
            Some((id, false)) => {
                world.take(id).expect("answered");
            }
            None => break,
        }
    }
    assert_eq!(
        world.fates.len(),
        0,
        "everybody is answered: {:?}",
        world.fates
    );
    world.wait(Duration::from_secs(10));
    world.run();
    assert_eq!(world.open(), 0, "every connection is closed");
    assert_eq!(world.room.budget().connecting(), 0);
    assert_eq!(world.room.budget().closing(), 0);
    for engine in &world.engines {
        assert!(engine.is_empty());
        assert_eq!(engine.poll_timeout().map(|(_, due)| due), None);
    }
}
