//! A limited number of unused hosts is remembered; hosts in use always are (W4).

use keepalive_engine::Return;

use crate::{connection, hold, idle, limits};
use keepalive_testkit::world::World;

const REMEMBERED: usize = 4096;

fn visit(world: &mut World, hosts: std::ops::Range<u32>) {
    for host in hosts {
        world.host(host);
    }
}

fn knows(world: &World, host: u32) -> bool {
    world.engines[0].hosts().any(|(&key, _)| key == host)
}

#[test]
fn unused_hosts_beyond_the_limit_are_forgotten() {
    let mut world = World::new(limits(4, 8));
    visit(&mut world, 0..REMEMBERED as u32);
    assert!(knows(&world, 0));
    visit(&mut world, 10_000..10_001);
    assert!(!knows(&world, 0) && knows(&world, 1));
    visit(&mut world, 20_000..40_000);
    assert_eq!(world.engines[0].hosts().count(), REMEMBERED);
}

#[test]
fn hosts_in_use_are_never_forgotten() {
    let mut world = World::new(limits(1, 3));
    let lease = hold(&mut world, 0);
    idle(&mut world, 1);
    world.request(2);
    let parked = world.request(0);
    visit(&mut world, 100..10_000);
    assert_eq!(world.engines[0].hosts().count(), REMEMBERED + 3);
    assert!([0, 1, 2].iter().all(|&host| knows(&world, host)));
    crate::pass(&mut world, lease, parked);
}

#[test]
fn a_host_that_waits_for_room_is_never_forgotten() {
    let mut world = World::new(limits(1, 1));
    let lease = hold(&mut world, 0);
    let id = world.request(1);
    visit(&mut world, 100..10_000);
    world.release(lease, Return::Close);
    world.run();
    crate::connect(&mut world, 1);
    assert!(world.is_served(id));
}

#[test]
fn a_host_goes_out_of_use_with_its_last_connection() {
    let mut world = World::new(limits(1, 8));
    let lease = hold(&mut world, 0);
    visit(&mut world, 100..100 + REMEMBERED as u32);
    assert_eq!(world.engines[0].hosts().count(), REMEMBERED + 1);
    world.release(lease, Return::Close);
    assert_eq!(world.engines[0].hosts().count(), REMEMBERED + 1, "closing");
    world.run();
    assert_eq!(world.engines[0].hosts().count(), REMEMBERED);
    assert!(knows(&world, 0) && !knows(&world, 100), "it was used last");
}

#[test]
fn totals_keep_the_figures_of_hosts_that_were_forgotten() {
    let mut world = World::new(limits(1, 8));
    for host in 0..3 {
        let id = hold(&mut world, host);
        world.release(id, Return::Close);
        let id = world.request(host);
        world.cancel(id);
    }
    world.run();
    let before = world.engines[0].totals();
    visit(&mut world, 100..10_000);
    assert!((0..3).all(|host| !knows(&world, host)));
    assert_eq!(world.engines[0].totals(), before);
    assert_eq!((before.opened, before.cancelled), (3, 3));
    assert!(
        world.engines[0]
            .hosts()
            .all(|(_, counts)| counts.opened == 0)
    );
}

#[test]
fn a_forgotten_host_that_is_used_again_is_new() {
    let mut world = World::new(limits(1, 8));
    let id = hold(&mut world, 0);
    world.release(id, Return::Close);
    world.run();
    let old = world.host(0);
    visit(&mut world, 100..10_000);
    assert_ne!(world.host(0), old);
    assert_eq!(world.engines[0].key(old), None);
    hold(&mut world, 0);
    assert_eq!(world.engines[0].totals().opened, 2);
}

#[test]
fn a_host_stays_in_use_while_its_last_attempt_fails_and_another_request_waits() {
    let mut world = World::new(limits(1, 8));
    for _ in 0..2 {
        world.request(0);
    }
    visit(&mut world, 100..100 + REMEMBERED as u32);
    world.fail(0);
    assert_eq!(world.engines[0].hosts().count(), REMEMBERED + 1);
    assert!(knows(&world, 100));
}

#[test]
fn the_holder_of_a_connection_is_listed() {
    let mut world = World::new(limits(2, 2));
    let holder = hold(&mut world, 0);
    let held = connection(&world, holder);
    let free = idle(&mut world, 0);
    let engine = &world.engines[world.shard_of(0)];
    assert_eq!((engine.is_idle(held), engine.is_idle(free)), (false, true));
    let listed: Vec<_> = engine
        .held()
        .map(|(id, &host, since, ())| (id, host, since))
        .collect();
    assert_eq!(listed, [(holder, 0, world.now)]);
}
