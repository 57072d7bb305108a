//! Scenarios of the rules in docs/rules.md: one file per behaviour.

mod abandon;
mod at_once;
mod attempts;
mod closing;
mod deadlines;
mod events;
mod eviction;
mod freeze;
mod from_cache;
mod host_limits;
mod hosts;
mod keep_unneeded_attempts;
mod lifetime;
mod order;
mod overtaking;
mod queue_limit;
mod queue_timeout;
mod race;
mod reasons;
mod reject;
mod sharing;
mod shutdown;
mod timing;
mod uses;

use std::time::Duration;

use keepalive_engine::{Ask, ConnectionId, Reason, RequestId, Return, Settings, Taken, Timing};
use keepalive_testkit::world::{Fate, World};

fn limits(max_per_host: usize, max_open: usize) -> Settings {
    Settings {
        max_per_host,
        max_open,
        keep_unneeded_attempts: false,
        ..Settings::default()
    }
}

/// A world with these limits, and with one more setting.
fn with(mut settings: Settings, change: impl FnOnce(&mut Settings)) -> World {
    change(&mut settings);
    World::new(settings)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The place of an attempt to `host` among those in flight.
fn attempt(world: &World, host: u32) -> usize {
    let found = world.attempts.iter().position(|&(_, _, to)| to == host);
    found.expect("an attempt in flight")
}

/// How many attempts to `host` are in flight.
fn attempts(world: &World, host: u32) -> usize {
    let all = world.attempts.iter();
    all.filter(|&&(_, _, to)| to == host).count()
}

/// An attempt to `host` succeeds.
fn connect(world: &mut World, host: u32) -> ConnectionId {
    world.connect(attempt(world, host), 1)
}

/// The connection that a request took.
fn connection(world: &World, id: RequestId) -> ConnectionId {
    match world.fates[&id].1 {
        Fate::Held(connection) => connection,
        fate => panic!("{id} holds no connection: {fate:?}"),
    }
}

fn waits(world: &World, id: RequestId) -> bool {
    matches!(world.fates.get(&id), Some((_, Fate::Waiting)))
}

fn take(world: &mut World, id: RequestId) -> Taken {
    world.take(id).expect("an answer")
}

/// Takes the answer of a request, and returns its timing.
fn take_timing(world: &mut World, id: RequestId) -> Timing {
    let timing = world.engines[usize::from(id.shard().0)].timing(id);
    take(world, id);
    timing.expect("an answer")
}

/// A user gets a connection to `host` and keeps it.
fn hold(world: &mut World, host: u32) -> RequestId {
    let id = world.request(host);
    if waits(world, id) {
        connect(world, host);
    }
    assert!(take(world, id).connection.is_some());
    id
}

/// Opens a connection to `host`, and leaves it idle.
fn idle(world: &mut World, host: u32) -> ConnectionId {
    let id = hold(world, host);
    let connection = connection(world, id);
    world.release(id, Return::Reuse);
    connection
}

/// `from` gives its connection back, and `to` is served with it and takes it.
fn pass(world: &mut World, from: RequestId, to: RequestId) {
    let given = connection(world, from);
    world.release(from, Return::Reuse);
    assert!(world.is_served(to), "{to} is next");
    assert_eq!(take(world, to).connection, Some(given));
}

fn reason(world: &mut World, id: RequestId) -> Option<Reason> {
    let shard = usize::from(id.shard().0);
    let waiting = world.engines[shard].waiting(world.now, &mut world.room, id);
    waiting.map(|waiting| waiting.reason())
}

/// Many requests at once, which the engine serves after the last has come.
fn crowd(world: &mut World, host: u32, size: usize) -> Vec<RequestId> {
    let shard = world.shard_of(host);
    let to = world.host(host);
    let ids = (0..size)
        .map(|_| {
            world.numbers += 1;
            let ask = Ask {
                host: to,
                number: world.numbers,
                timeout: None,
                queue_timeout: None,
            };
            let id = world.engines[shard].request(world.now, &mut world.room, ask);
            world.arrives(id, host);
            id
        })
        .collect();
    world.drain(shard);
    ids
}
