//! A host whose connections carry several leases opens one at a time, and a further one only when
//! those that it has are full (L9).

use keepalive_engine::{Capacity, ConnectionId, Phase, Reason, RequestId, Return, Room};

use crate::{attempt, attempts, connect, crowd, hold, limits, reason, take, waits};
use keepalive_testkit::world::World;

/// A host that is known to share, with no connection left of it.
fn known(limits: keepalive_engine::Settings) -> World {
    let mut world = World::new(limits);
    let id = world.request(0);
    let opened = open(&mut world, Capacity::Shared(2));
    take(&mut world, id);
    world.release(id, Return::Close);
    world.run();
    assert!(!world.engines[0].is_idle(opened));
    assert_eq!(world.open(), 0);
    world
}

/// The attempt to host 0 becomes a connection of this capacity.
fn open(world: &mut World, capacity: Capacity) -> ConnectionId {
    world.connect(attempt(world, 0), capacity)
}

fn waiting(world: &World, ids: &[RequestId]) -> usize {
    ids.iter().filter(|&&id| waits(world, id)).count()
}

#[test]
fn an_unknown_host_opens_as_many_connections_as_it_may() {
    let mut world = World::new(limits(3, 8));
    crowd(&mut world, 0, 5);
    assert_eq!(attempts(&world, 0), 3);
}

#[test]
fn a_host_known_to_share_opens_one_connection() {
    let mut world = known(limits(3, 8));
    let ids = crowd(&mut world, 0, 5);
    assert_eq!(attempts(&world, 0), 1);
    assert_eq!(reason(&mut world, ids[0]), Some(Reason::Resolving));
    assert_eq!(reason(&mut world, ids[1]), Some(Reason::Sharing));
    open(&mut world, Capacity::Shared(5));
    assert_eq!((waiting(&world, &ids), attempts(&world, 0)), (0, 0));
}

#[test]
fn a_host_declared_to_share_opens_one_connection() {
    let mut world = World::new(limits(3, 8));
    world.engines[0].host_with(World::hash(0), &0, || true);
    crowd(&mut world, 0, 5);
    assert_eq!(attempts(&world, 0), 1);
}

#[test]
fn a_declaration_for_a_known_host_is_ignored() {
    let mut world = known(limits(3, 8));
    world.engines[0].host_with(World::hash(0), &0, || panic!("it is known"));
}

#[test]
fn a_sharing_host_opens_the_next_connection_when_all_are_full() {
    let mut world = known(limits(3, 8));
    let ids = crowd(&mut world, 0, 7);
    for left in [5, 3, 1] {
        assert_eq!(attempts(&world, 0), 1);
        open(&mut world, Capacity::Shared(2));
        assert_eq!(waiting(&world, &ids), left);
    }
    assert_eq!(attempts(&world, 0), 0);
    let limit = Reason::HostLimit { in_use: 3, max: 3 };
    assert_eq!(reason(&mut world, ids[6]), Some(limit));
}

#[test]
fn a_provisional_capacity_delays_the_next_connection() {
    let mut world = known(limits(3, 8));
    let ids = crowd(&mut world, 0, 5);
    let first = open(&mut world, Capacity::Provisional(1));
    assert_eq!((waiting(&world, &ids), attempts(&world, 0)), (4, 0));
    assert_eq!(reason(&mut world, ids[4]), Some(Reason::PeerLimit));
    world.set_capacity(0, first, Capacity::Shared(3));
    assert_eq!((waiting(&world, &ids), attempts(&world, 0)), (2, 1));
}

#[test]
fn the_end_of_a_provisional_connection_lets_others_open() {
    for end in 0..4 {
        let mut world = known(limits(3, 8));
        let ids = crowd(&mut world, 0, 5);
        let first = open(&mut world, Capacity::Provisional(1));
        take(&mut world, ids[0]);
        match end {
            0 => world.peer_closes(0, first),
            1 => world.release(ids[0], Return::Close),
            2 => world.release(ids[0], Return::Closed),
            _ => world.abandon(),
        }
        let left = if end == 3 { 0 } else { 1 };
        assert_eq!(attempts(&world, 0), left, "{end}");
    }
}

#[test]
fn a_failed_attempt_of_a_sharing_host_begins_the_next() {
    let mut world = known(limits(3, 8));
    let ids = crowd(&mut world, 0, 3);
    world.fail(attempt(&world, 0));
    assert!(!waits(&world, ids[0]) && !world.is_served(ids[0]));
    assert_eq!((waiting(&world, &ids), attempts(&world, 0)), (2, 1));
}

#[test]
fn a_peer_that_allows_no_lease_is_waited_for() {
    let mut world = known(limits(3, 8));
    let ids = crowd(&mut world, 0, 3);
    let first = open(&mut world, Capacity::Provisional(1));
    world.set_capacity(0, first, Capacity::Shared(0));
    take(&mut world, ids[0]);
    world.release(ids[0], Return::Reuse);
    assert!(world.engines[0].is_idle(first));
    assert_eq!((waiting(&world, &ids), attempts(&world, 0)), (2, 0));
    world.set_capacity(0, first, Capacity::Shared(1));
    assert!(world.is_served(ids[1]));
    assert_eq!((waiting(&world, &ids), attempts(&world, 0)), (1, 1));
}

/// A higher limit of the host would not help.
#[test]
fn a_host_at_its_limit_waits_for_the_peer_if_that_may_allow_more() {
    for max_per_host in [1, 3] {
        let mut world = known(limits(max_per_host, 8));
        let ids = crowd(&mut world, 0, 3);
        assert_eq!(reason(&mut world, ids[2]), Some(Reason::Sharing));
        let first = open(&mut world, Capacity::Provisional(1));
        assert_eq!(reason(&mut world, ids[2]), Some(Reason::PeerLimit));
        world.set_capacity(0, first, Capacity::Shared(0));
        assert_eq!(reason(&mut world, ids[2]), Some(Reason::PeerLimit));
    }
    let mut world = known(limits(1, 8));
    let ids = crowd(&mut world, 0, 3);
    open(&mut world, Capacity::Shared(2));
    let full = Reason::HostLimit { in_use: 1, max: 1 };
    assert_eq!(reason(&mut world, ids[2]), Some(full));
}

#[test]
fn a_connection_without_capacity_expires_and_is_replaced() {
    let mut world = known(limits(3, 8));
    let ids = crowd(&mut world, 0, 2);
    let first = open(&mut world, Capacity::Provisional(1));
    world.set_capacity(0, first, Capacity::Shared(0));
    take(&mut world, ids[0]);
    world.release(ids[0], Return::Reuse);
    assert!(world.wait_until_due());
    assert!(!world.engines[0].is_idle(first));
    assert_eq!(attempts(&world, 0), 1);
}

#[test]
fn a_connection_without_capacity_is_evicted_for_the_oldest_request() {
    let mut world = known(limits(3, 1));
    let ids = crowd(&mut world, 0, 2);
    let first = open(&mut world, Capacity::Provisional(1));
    world.set_capacity(0, first, Capacity::Shared(0));
    take(&mut world, ids[0]);
    world.release(ids[0], Return::Reuse);
    let other = world.request(1);
    world.run();
    assert!(!world.engines[0].is_idle(first));
    // Its own host's request is older.
    open(&mut world, Capacity::One);
    take(&mut world, ids[1]);
    world.release(ids[1], Return::Reuse);
    world.run();
    connect(&mut world, 1);
    assert!(world.is_served(other));
}

#[test]
fn a_capacity_below_the_leases_in_use_counts_as_full() {
    let mut world = known(limits(3, 8));
    let ids = crowd(&mut world, 0, 2);
    let first = open(&mut world, Capacity::Shared(2));
    for id in ids {
        take(&mut world, id);
    }
    world.set_capacity(0, first, Capacity::Shared(1));
    world.request(0);
    assert_eq!(attempts(&world, 0), 1);
}

#[test]
fn a_host_that_turns_out_to_share_takes_its_claims_back() {
    let mut world = World::new(limits(3, 2));
    hold(&mut world, 1);
    let ids = crowd(&mut world, 0, 3);
    assert_eq!(world.room.budget().claims(), 2);
    open(&mut world, Capacity::Provisional(1));
    assert_eq!(world.room.budget().claims(), 0);
    assert_eq!(reason(&mut world, ids[1]), Some(Reason::PeerLimit));
}

#[test]
fn a_host_that_turns_out_not_to_share_opens_as_many_as_it_may() {
    let mut world = known(limits(3, 8));
    let ids = crowd(&mut world, 0, 5);
    open(&mut world, Capacity::One);
    assert_eq!((waiting(&world, &ids), attempts(&world, 0)), (4, 2));
}

#[test]
fn a_request_adopts_the_ownerless_attempt_of_a_sharing_host() {
    let mut world = known(keepalive_engine::Settings {
        keep_unneeded_attempts: true,
        ..limits(3, 8)
    });
    let id = world.request(0);
    world.progress(attempt(&world, 0), Phase::Connect);
    world.cancel(id);
    let next = world.request(0);
    assert_eq!(reason(&mut world, next), Some(Reason::Connecting));
    assert_eq!(attempts(&world, 0), 1);
}
