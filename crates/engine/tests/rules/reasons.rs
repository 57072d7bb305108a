//! A request that waits can be asked why (W1).

use keepalive_engine::{Phase, Reason, Return};

use crate::{connect, hold, limits, ms, reason, with};
use keepalive_testkit::world::World;

#[test]
fn a_host_at_its_limit_is_the_reason() {
    let mut world = World::new(limits(2, 8));
    hold(&mut world, 0);
    world.request(0);
    let id = world.request(0);
    let limit = Reason::HostLimit { in_use: 2, max: 2 };
    assert_eq!(reason(&mut world, id), Some(limit));
}

#[test]
fn max_open_is_the_reason() {
    let mut world = World::new(limits(2, 3));
    for host in 0..3 {
        hold(&mut world, host);
    }
    let id = world.request(3);
    let limit = Reason::TotalLimit { open: 3, max: 3 };
    assert_eq!(reason(&mut world, id), Some(limit));
}

#[test]
fn a_hosts_limit_goes_before_max_open_as_the_reason() {
    let mut world = World::new(limits(1, 1));
    let holder = hold(&mut world, 0);
    let id = world.request(0);
    let limit = Reason::HostLimit { in_use: 1, max: 1 };
    assert_eq!(reason(&mut world, id), Some(limit));
    let other = world.request(1);
    let limit = Reason::TotalLimit { open: 1, max: 1 };
    assert_eq!(reason(&mut world, other), Some(limit));
    world.release(holder, Return::Close);
    let limit = Reason::HostLimit { in_use: 1, max: 1 };
    assert_eq!(reason(&mut world, id), Some(limit), "closing counts");
}

#[test]
fn max_connecting_is_the_reason() {
    let mut world = with(limits(4, 8), |it| it.max_connecting = Some(2));
    let ids = [0, 1, 2].map(|host| world.request(host));
    let limit = Reason::ConnectLimit {
        connecting: 2,
        max: 2,
    };
    assert_eq!(reason(&mut world, ids[2]), Some(limit));
    connect(&mut world, 0);
    assert_eq!(reason(&mut world, ids[2]), Some(Reason::Resolving));
}

#[test]
fn a_withdrawn_attempt_that_has_not_ended_counts_in_the_reason() {
    let mut world = with(limits(4, 8), |it| it.max_connecting = Some(1));
    let [withdrawn, id] = [0, 1].map(|host| world.request(host));
    world.cancel(withdrawn);
    let limit = Reason::ConnectLimit {
        connecting: 1,
        max: 1,
    };
    assert_eq!(reason(&mut world, id), Some(limit));
    world.run();
    assert_eq!(reason(&mut world, id), Some(Reason::Resolving));
}

#[test]
fn the_phase_of_the_attempt_is_the_reason() {
    let mut world = World::new(limits(1, 8));
    let id = world.request(0);
    assert_eq!(reason(&mut world, id), Some(Reason::Resolving));
    world.progress(0, Phase::Connect);
    assert_eq!(reason(&mut world, id), Some(Reason::Connecting));
    world.progress(0, Phase::Descriptor);
    assert_eq!(reason(&mut world, id), Some(Reason::Descriptor));
    world.progress(0, Phase::Tls);
    assert_eq!(reason(&mut world, id), Some(Reason::Handshaking));
    connect(&mut world, 0);
    assert_eq!(reason(&mut world, id), None, "it is answered");
}

#[test]
fn the_time_of_a_wait_is_that_of_its_phase() {
    let mut world = World::new(limits(1, 8));
    let holder = hold(&mut world, 0);
    let id = world.request(0);
    let elapsed = |world: &mut World| {
        let waiting = world.engines[0].waiting(world.now, &mut world.room, id);
        waiting.expect("it waits").elapsed()
    };
    world.wait(ms(3));
    assert_eq!(elapsed(&mut world), ms(3));
    world.release(holder, Return::Close);
    world.run();
    assert_eq!(elapsed(&mut world), ms(0));
    world.wait(ms(4));
    assert_eq!(elapsed(&mut world), ms(4));
    world.progress(0, Phase::Connect);
    world.wait(ms(5));
    assert_eq!(elapsed(&mut world), ms(5));
}
