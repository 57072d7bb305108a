//! Random inputs to one engine or several.
//!
//! Every invariant holds after every input, and every request is answered exactly once. Hosts are
//! served in order, and overtakes stay within the bound. When the world comes to rest nothing is
//! left.

mod operate;
mod rest;
mod watch;

use std::time::Duration;

use keepalive_engine::{Event, IdleOrder, Room, Settings};

use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::replay::Replay;
use crate::world::World;
use operate::{Mix, operate};
use watch::watch;

/// The results of one seed.
pub struct Report {
    /// Inputs made at random, without those that bring the world to rest.
    pub steps: usize,
    pub coverage: Coverage,
    /// A hash of all actions, if they were traced.
    pub trace: Option<u64>,
    /// The events of the life, if it was observed.
    pub events: Vec<Event>,
}

/// Runs one random life. The same seed and steps give the same life.
///
/// # Panics
///
/// If a check fails.
pub fn live(seed: u64, steps: usize, traced: bool, replay: &Replay) -> Report {
    replay.by(format!(
        "cargo xtask sim --seed {seed} --seeds 1 --steps {steps}"
    ));
    let prepare = |world: &mut World| world.trace = traced.then_some(0);
    life(seed, steps, prepare, replay)
}

/// Runs one random life twice: once observed, with all checks of its events, and once not. The
/// actions must be the same.
///
/// # Panics
///
/// If a check fails.
pub fn observed(seed: u64, steps: usize, replay: &Replay) -> Report {
    replay.by(format!(
        "cargo xtask sim --observe --seed {seed} --seeds 1 --steps {steps}"
    ));
    let trace = |world: &mut World, prepare: fn(&mut World)| {
        world.trace = Some(0);
        prepare(world);
    };
    let first = life(seed, steps, |world| trace(world, World::observe), replay);
    let second = life(seed, steps, |world| trace(world, World::go_general), replay);
    assert_eq!(first.trace, second.trace, "W5: actions, observed and not");
    first
}

fn life(seed: u64, steps: usize, prepare: impl Fn(&mut World), replay: &Replay) -> Report {
    let mut dice = Dice(seed);
    let settings = settings(&mut dice);
    let mut world = World::new(settings.clone());
    prepare(&mut world);
    let mix = Mix::draw(&mut dice);
    world.multiplexed = mix.multiplexed;
    limit_hosts(&mut world, seed);
    for step in 0..steps {
        operate(&mut world, &mut dice, &mix);
        if mix.prompt {
            world.run();
        }
        watch(&mut world, &settings, step);
        replay.did(1);
    }
    rest::rest(&mut world, &mut dice);
    let mut coverage = std::mem::take(&mut world.coverage);
    for engine in &world.engines {
        coverage.totals(engine.totals());
    }
    let overtakes = world.room.overtakes();
    coverage.add("an older request is overtaken", overtakes);
    for lives in &world.lives {
        lives.check_ended();
    }
    let told: u64 = world.lives.iter().map(|lives| lives.overtakes).sum();
    assert!(
        world.lives.is_empty() || overtakes == told,
        "W5: overtakes by events: {told} of {overtakes}"
    );
    Report {
        steps,
        coverage,
        trace: world.trace,
        events: world.events,
    }
}

/// Checks that a seed gives the same life twice.
pub fn repeats(seed: u64, steps: usize, replay: &Replay) -> Report {
    let first = live(seed, steps, true, replay);
    let second = live(seed, steps, true, replay);
    assert_eq!(
        first.trace, second.trace,
        "I14: the same seed, the same actions"
    );
    second
}

/// Gives some hosts limits of their own, in a quarter of the lives. It has its own dice, so that
/// the other lives do not change.
fn limit_hosts(world: &mut World, seed: u64) {
    if !seed.is_multiple_of(4) {
        return;
    }
    let mut dice = Dice(seed ^ 0xB2);
    for host in 0..6 {
        if dice.below(2) == 0 {
            world.limit_host(host, 1 + dice.below(6));
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
        timeout: [
            Duration::from_millis(50),
            Duration::from_millis(300),
            Duration::from_secs(5),
            Duration::MAX,
        ][dice.below(4)],
        close_timeout: Duration::from_millis(40),
        max_lifetime,
        lifetime_jitter: [0.0, 0.3, 1.0][dice.below(3)],
        max_uses: some(dice, 6).map(|uses| uses as u64),
        idle_order: [IdleOrder::Lifo, IdleOrder::Fifo][dice.below(2)],
        max_reuse_streak: [0, 1, 3, 16][dice.below(4)],
        keep_unneeded_attempts: dice.below(2) == 0,
        seed: dice.roll(),
        shards: [1, 1, 2, 3][dice.below(4)],
    }
}
