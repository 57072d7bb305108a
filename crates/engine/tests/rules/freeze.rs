//! A frozen budget grants nothing; once thawed, it grants everything that is due (C7, M4).

use keepalive_engine::{Return, Room};

use crate::{hold, idle, limits, waits, with};
use keepalive_testkit::world::World;

fn resume(world: &mut World) {
    world.engines[0].resume(world.now, &mut world.room);
    world.drain(0);
}

#[test]
fn a_frozen_budget_grants_no_permit_until_it_thaws() {
    let mut world = World::new(limits(2, 8));
    world.room.budget().freeze();
    for host in [0, 0, 1, 2] {
        world.request(host);
    }
    world.request(0);
    assert!(world.attempts.is_empty());
    world.room.budget().thaw();
    resume(&mut world);
    let mut hosts: Vec<_> = world.attempts.iter().map(|&(_, _, host)| host).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, [0, 0, 1, 2]);
}

#[test]
fn permits_freed_while_frozen_are_granted_after_the_thaw() {
    let mut world = World::new(limits(1, 2));
    let leases = [0, 1].map(|host| hold(&mut world, host));
    for host in [2, 3] {
        world.request(host);
    }
    world.room.budget().freeze();
    for lease in leases {
        world.release(lease, Return::Close);
        world.finish_close(0);
    }
    assert_eq!((world.attempts.len(), world.open()), (0, 0));
    world.room.budget().thaw();
    resume(&mut world);
    assert_eq!((world.attempts.len(), world.open()), (2, 2));
}

#[test]
fn a_frozen_budget_evicts_nothing() {
    let mut world = World::new(limits(1, 1));
    let kept = idle(&mut world, 0);
    world.room.budget().freeze();
    world.request(1);
    assert!(world.engines[0].is_idle(kept));
    world.room.budget().thaw();
    resume(&mut world);
    assert_eq!(world.closing, [(0, kept)]);
}

#[test]
fn a_budget_frozen_twice_thaws_after_the_second_thaw() {
    let mut world = World::new(limits(1, 1));
    world.room.budget().freeze();
    world.room.budget().freeze();
    world.request(0);
    world.room.budget().thaw();
    resume(&mut world);
    assert!(world.attempts.is_empty());
    world.room.budget().thaw();
    resume(&mut world);
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn connections_are_reused_while_the_budget_is_frozen() {
    let mut world = World::new(limits(1, 1));
    idle(&mut world, 0);
    world.room.budget().freeze();
    let first = hold(&mut world, 0);
    let second = world.request(0);
    crate::pass(&mut world, first, second);
}

#[test]
fn a_request_after_the_thaw_waits_behind_earlier_ones() {
    let mut world = with(limits(1, 1), |it| it.max_queued = Some(8));
    world.room.budget().freeze();
    world.request(0);
    world.room.budget().thaw();
    let second = world.request(1);
    assert_eq!(world.attempts[0].2, 0);
    assert!(waits(&world, second));
    assert_eq!((world.attempts.len(), world.room.queued()), (1, 1));
}
