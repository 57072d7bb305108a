//! A host may have a limit of its own, below the others' or above it (B2).

use keepalive_engine::{Reason, Return};

use crate::{attempts, hold, limits, pass, reason, waits};
use keepalive_testkit::world::World;

#[test]
fn a_lower_limit_of_a_host_holds_for_it_alone() {
    let mut world = World::new(limits(3, 8));
    world.limit_host(0, 1);
    for host in [0, 0, 0, 1, 1, 1, 1] {
        world.request(host);
    }
    assert_eq!((attempts(&world, 0), attempts(&world, 1)), (1, 3));
}

#[test]
fn a_higher_limit_of_a_host_holds_within_the_total() {
    let mut world = World::new(limits(1, 5));
    world.limit_host(0, 9);
    for host in [0, 0, 0, 1, 1, 0, 0, 0] {
        world.request(host);
    }
    assert_eq!((attempts(&world, 0), attempts(&world, 1)), (4, 1));
}

#[test]
fn a_wait_for_a_hosts_own_limit_has_it_as_the_reason() {
    let mut world = World::new(limits(4, 8));
    world.limit_host(0, 2);
    let first = hold(&mut world, 0);
    hold(&mut world, 0);
    let id = world.request(0);
    let limit = Reason::HostLimit { in_use: 2, max: 2 };
    assert_eq!(reason(&mut world, id), Some(limit));
    pass(&mut world, first, id);
}

#[test]
fn a_permit_freed_at_a_hosts_own_limit_serves_its_next_waiter() {
    let mut world = World::new(limits(4, 8));
    world.limit_host(0, 1);
    let first = hold(&mut world, 0);
    let id = world.request(0);
    assert!(waits(&world, id) && attempts(&world, 0) == 0);
    world.release(first, Return::Close);
    world.run();
    assert_eq!(attempts(&world, 0), 1);
}

#[test]
fn a_hosts_own_limit_is_remembered_among_thousands_of_hosts() {
    let mut world = World::new(limits(4, 8));
    world.limit_host(0, 1);
    for host in 1..20_000 {
        world.host(host);
    }
    for _ in 0..3 {
        world.request(0);
    }
    assert_eq!(attempts(&world, 0), 1);
}
