//! Of what is idle, the driver looks at what a request would be given; what else the request is
//! given is in doubt (C4).

use keepalive_engine::{Action, ConnectionId, FromCache, Settings};

use crate::{attempts, connect, hold, limits, ms, take};
use keepalive_testkit::world::World;

/// Two connections to a host are idle. Answers them, the one idle longest first.
fn two_idle(world: &mut World, host: u32) -> [ConnectionId; 2] {
    let holders = [(); 2].map(|()| hold(world, host));
    holders.map(|holder| {
        world.wait(ms(1));
        let connection = crate::connection(world, holder);
        world.release(holder, keepalive_engine::Return::Reuse);
        connection
    })
}

#[test]
fn what_would_be_given_is_given_without_doubt() {
    let mut world = World::new(limits(2, 8));
    let [_, last] = two_idle(&mut world, 0);
    let id = world.request(0);
    assert_eq!(take(&mut world, id).connection, Some(last));
    assert!(world.doubted.is_empty());
}

#[test]
fn what_is_given_when_that_gives_way_is_in_doubt() {
    let mut world = World::new(Settings {
        shards: 2,
        reuse_run: 0,
        ..limits(2, 3)
    });
    let [first, last] = two_idle(&mut world, 0);
    hold(&mut world, 1);
    world.request(3);
    assert_eq!(world.messages.len(), 1, "the other shard is asked for room");

    let id = world.request(0);
    assert_eq!(world.closing, [(0, last)]);
    assert!(world.doubted.contains(&(0, first)));
    let taken = take(&mut world, id);
    assert_eq!(
        (taken.connection, taken.from_cache),
        (Some(first), Some(FromCache::Immediate))
    );
    world.run();
    assert_eq!(attempts(&world, 3), 1, "one made room, and was enough");
}

#[test]
fn what_a_request_is_given_that_asks_again_is_in_doubt() {
    let mut world = World::new(limits(2, 8));
    let [first, last] = two_idle(&mut world, 0);
    let id = world.request(0);
    world.reject(id);
    assert_eq!(world.closing, [(0, last)]);
    assert!(world.doubted.contains(&(0, first)));
    assert_eq!(take(&mut world, id).connection, Some(first));
}

#[test]
fn what_a_waiter_is_given_is_not_in_doubt() {
    let mut world = World::new(limits(1, 8));
    let holder = hold(&mut world, 0);
    let [second, third] = [(); 2].map(|()| world.request(0));
    crate::pass(&mut world, holder, second);
    world.release(second, keepalive_engine::Return::Close);
    world.run();
    connect(&mut world, 0);
    take(&mut world, third);
    assert!(world.doubted.is_empty());
}

#[test]
fn a_doubt_comes_before_the_answer() {
    let mut world = World::new(limits(2, 8));
    two_idle(&mut world, 0);
    let id = world.request(0);
    world.engines[0].reject(world.now, &mut world.room, id);
    let actions = std::iter::from_fn(|| world.engines[0].poll_action());
    let kinds: Vec<_> = actions
        .map(|action| match action {
            Action::Close(_) => "close",
            Action::Doubt(_) => "doubt",
            Action::Answer(..) => "answer",
            _ => "another",
        })
        .collect();
    assert_eq!(kinds, ["close", "doubt", "answer"]);
}
