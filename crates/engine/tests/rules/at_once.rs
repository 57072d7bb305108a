//! Asking for a connection and taking it in one (SPEC R8).

use keepalive_engine::{Ask, ConnectionId, FromCache, RequestId, Taken};

use crate::{hold, idle, limits, waits};
use keepalive_testkit::world::{Fate, World};

/// Asks for a connection of host 0, and takes `expected` if it is that.
fn ask(world: &mut World, expected: ConnectionId) -> (RequestId, Option<Taken>) {
    let ask = Ask {
        host: world.host(0),
        number: 1 << 40,
        timeout: None,
        queue_timeout: None,
    };
    let shard = world.shard_of(0);
    let (now, room) = (world.now, &mut world.room);
    let (id, taken) = world.engines[shard].request_now(now, room, ask, expected);
    world.fates.insert(id, (0, Fate::Waiting));
    world.arrivals.push(id);
    (id, taken)
}

#[test]
fn what_is_expected_is_taken_and_nothing_is_said() {
    let mut world = World::new(limits(2, 2));
    let connection = idle(&mut world, 0);
    let (id, taken) = ask(&mut world, connection);
    let taken = taken.expect("it is there");
    assert_eq!(taken.connection, Some(connection));
    assert_eq!(taken.from_cache, Some(FromCache::Immediate));
    let engine = &mut world.engines[0];
    assert!(engine.poll_action().is_none());
    assert_eq!(engine.take(id).map(|taken| taken.connection), None, "once");
    assert_eq!(engine.held().map(|(id, ..)| id).collect::<Vec<_>>(), [id]);
    assert_eq!(engine.totals().reused_immediate, 1);
    assert_eq!(engine.waiting_time().count(), 2);
}

#[test]
fn another_than_expected_is_told_as_ever() {
    let mut world = World::new(limits(2, 2));
    let leased = hold(&mut world, 0);
    let expected = crate::connection(&world, leased);
    let other = idle(&mut world, 0);
    let (id, taken) = ask(&mut world, expected);
    assert!(taken.is_none());
    world.drain(0);
    assert!(world.is_served(id));
    assert_eq!(crate::take(&mut world, id).connection, Some(other));
}

#[test]
fn who_finds_nothing_waits_as_ever() {
    let mut world = World::new(limits(1, 1));
    let leased = hold(&mut world, 0);
    let expected = crate::connection(&world, leased);
    let (id, taken) = ask(&mut world, expected);
    assert!(taken.is_none());
    world.drain(0);
    assert!(waits(&world, id));
}
