//! `max_lifetime` (C6) and `keep_alive` (C5).

use std::collections::BTreeSet;
use std::time::Duration;

use keepalive_engine::{Due, Return, Settings};

use crate::{attempts, hold, idle, limits, ms, pass, waits, with};
use keepalive_testkit::world::World;

fn world() -> World {
    World::new(Settings {
        max_lifetime: Some(ms(100)),
        lifetime_jitter: 0.0,
        ..limits(1, 8)
    })
}

#[test]
fn an_idle_connection_closes_when_its_lifetime_is_over() {
    let mut world = world();
    let connection = idle(&mut world, 0);
    let due = world.engines[0].poll_timeout();
    assert_eq!(due, Some((world.start + ms(100), Due::Connection)));
    world.wait(ms(99));
    assert!(world.engines[0].is_idle(connection));
    world.wait(ms(1));
    assert_eq!(world.closing, [(0, connection)]);
    assert_eq!(world.engines[0].totals().expired, 1);
}

#[test]
fn a_lease_outlives_the_lifetime_and_its_connection_does_not() {
    let mut world = world();
    let id = hold(&mut world, 0);
    let next = world.request(0);
    world.wait(ms(100));
    assert!(world.closing.is_empty());
    world.release(id, Return::Reuse);
    assert!(waits(&world, next));
    assert_eq!(world.closing.len(), 1);
    world.run();
    assert_eq!(attempts(&world, 0), 1);
}

#[test]
fn a_connection_serves_until_its_lifetime_is_over() {
    let mut world = world();
    let first = hold(&mut world, 0);
    let second = world.request(0);
    world.wait(ms(99));
    pass(&mut world, first, second);
    let third = world.request(0);
    world.wait(ms(1));
    world.release(second, Return::Reuse);
    assert!(waits(&world, third), "use does not prolong a life");
}

#[test]
fn a_shared_connection_takes_no_lease_after_its_lifetime() {
    let mut world = world();
    let id = world.request(0);
    world.connect(0, 5);
    let second = world.request(0);
    assert!(world.is_served(second));
    world.take(id);
    world.wait(ms(100));
    let third = world.request(0);
    assert!(waits(&world, third));
    world.release(id, Return::Reuse);
    assert!(waits(&world, third));
    assert!(world.closing.is_empty(), "another lease is out");
    world.cancel(second);
    assert_eq!(world.closing.len(), 1);
}

#[test]
fn the_jitter_is_drawn_once_per_connection() {
    let mut world = World::new(Settings {
        max_lifetime: Some(ms(100)),
        lifetime_jitter: 0.5,
        ..limits(1, 32)
    });
    for host in 0..20 {
        idle(&mut world, host);
    }
    let mut ends = BTreeSet::new();
    while let Some((at, Due::Connection)) = world.engines[0].poll_timeout() {
        ends.insert(at - world.start);
        world.wait(at - world.now);
        world.run();
    }
    assert_eq!(ends.len(), 20);
    assert!(ends.first() >= Some(&ms(50)) && ends.last() <= Some(&ms(100)));
}

#[test]
fn shards_draw_their_jitter_apart() {
    let mut world = World::new(Settings {
        max_lifetime: Some(ms(100)),
        lifetime_jitter: 0.5,
        shards: 2,
        ..limits(1, 8)
    });
    let ends = [0, 1].map(|host| {
        idle(&mut world, host);
        world.engines[host as usize].poll_timeout()
    });
    assert_ne!(ends[0], ends[1]);
}

#[test]
fn an_idle_connection_is_kept_for_keep_alive_exactly() {
    let mut world = with(limits(1, 8), |it| it.keep_alive = ms(50));
    let id = hold(&mut world, 0);
    world.wait(ms(70));
    world.release(id, Return::Reuse);
    let due = world.engines[0].poll_timeout();
    assert_eq!(due, Some((world.start + ms(120), Due::KeepAlive)));
    world.wait(ms(50) - Duration::from_nanos(1));
    assert!(world.closing.is_empty());
    world.wait(Duration::from_nanos(1));
    assert_eq!(world.closing.len(), 1);
    assert_eq!(world.engines[0].totals().expired, 1);
}

#[test]
fn without_keep_alive_no_connection_is_used_twice() {
    let mut world = with(limits(1, 8), |it| it.keep_alive = ms(0));
    let id = hold(&mut world, 0);
    let next = world.request(0);
    world.release(id, Return::Reuse);
    assert!(waits(&world, next));
    assert_eq!(world.closing.len(), 1);
}

#[test]
fn without_keep_alive_a_connection_that_nobody_used_serves_the_next() {
    let mut world = with(limits(1, 8), |it| it.keep_alive = ms(0));
    let id = world.request(0);
    world.connect(0, 1);
    let next = world.request(0);
    world.cancel(id);
    assert!(world.is_served(next));
}
