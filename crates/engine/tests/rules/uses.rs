//! `max_uses` (C6).

use keepalive_engine::{FromCache, Return};

use crate::{attempts, connect, connection, hold, limits, take, waits, with};
use keepalive_testkit::world::World;

fn world(max_uses: u64) -> World {
    with(limits(1, 8), |it| it.max_uses = Some(max_uses))
}

#[test]
fn a_connection_has_exactly_max_uses_leases() {
    let mut world = world(3);
    let mut connections = Vec::new();
    for _ in 0..9 {
        let id = hold(&mut world, 0);
        connections.push(connection(&world, id));
        world.release(id, Return::Reuse);
        world.run();
    }
    let runs: Vec<_> = connections
        .chunk_by(|a, b| a == b)
        .map(<[_]>::len)
        .collect();
    assert_eq!(runs, [3, 3, 3]);
}

#[test]
fn concurrent_leases_are_a_use_each() {
    let mut world = world(3);
    let ids = [0; 5].map(|host| world.request(host));
    world.connect(0, 5);
    let served = ids.map(|id| world.is_served(id));
    assert_eq!(served, [true, true, true, false, false]);
    for id in &ids[..3] {
        assert!(world.closing.is_empty());
        world.use_and_free(*id);
    }
    assert_eq!(world.closing.len(), 1);
    assert!(waits(&world, ids[3]));
}

#[test]
fn a_lease_freed_before_others_is_a_use() {
    let mut world = world(3);
    let ids = [0; 4].map(|host| world.request(host));
    world.connect(0, 2);
    world.use_and_free(ids[0]);
    assert!(world.is_served(ids[2]));
    world.use_and_free(ids[1]);
    assert!(waits(&world, ids[3]));
    assert!(world.closing.is_empty());
    world.use_and_free(ids[2]);
    assert_eq!(world.closing.len(), 1);
}

#[test]
fn an_answer_withdrawn_before_it_was_taken_is_no_use() {
    let mut world = world(2);
    let id = world.request(0);
    let opened = connect(&mut world, 0);
    world.cancel(id);
    for _ in 0..2 {
        let id = hold(&mut world, 0);
        assert_eq!(connection(&world, id), opened);
        world.release(id, Return::Reuse);
    }
    assert_eq!(world.closing, [(0, opened)]);
}

#[test]
fn a_withdrawn_last_use_goes_to_the_next_waiter() {
    let mut world = world(1);
    let first = world.request(0);
    let opened = connect(&mut world, 0);
    let second = world.request(0);
    world.cancel(first);
    let taken = take(&mut world, second);
    assert_eq!((taken.connection, taken.from_cache), (Some(opened), None));
    world.release(second, Return::Reuse);
    assert_eq!(world.closing, [(0, opened)]);
}

#[test]
fn a_withdrawn_last_use_of_a_shared_connection_makes_room_again() {
    let mut world = world(2);
    let first = world.request(0);
    world.connect(0, 5);
    let second = world.request(0);
    take(&mut world, first);
    let third = world.request(0);
    assert!(world.is_served(second) && waits(&world, third));
    world.cancel(second);
    assert!(world.is_served(third));
    assert_eq!(
        take(&mut world, third).from_cache,
        Some(FromCache::Deferred)
    );
    assert_eq!(attempts(&world, 0), 0);
}
