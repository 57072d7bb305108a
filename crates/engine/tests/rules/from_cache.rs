//! Whether a user's connection is new or reused (R8).

use keepalive_engine::{FromCache, Return};

use crate::{connect, hold, idle, limits, take};
use keepalive_testkit::world::World;

#[test]
fn a_withdrawn_new_connection_is_new_for_the_next_waiter() {
    let mut world = World::new(limits(1, 8));
    let [a, b, c] = [0; 3].map(|host| world.request(host));
    let opened = connect(&mut world, 0);
    assert!(world.cancel(a));
    assert!(world.cancel(b));
    let taken = take(&mut world, c);
    assert_eq!((taken.connection, taken.from_cache), (Some(opened), None));
    assert_eq!(world.engines[0].totals().reused_deferred, 0);
}

#[test]
fn a_withdrawn_used_connection_is_not_new() {
    let mut world = World::new(limits(1, 8));
    let a = hold(&mut world, 0);
    let [b, c] = [0; 2].map(|host| world.request(host));
    world.release(a, Return::Reuse);
    world.cancel(b);
    assert_eq!(take(&mut world, c).from_cache, Some(FromCache::Deferred));
    assert_eq!(world.engines[0].totals().reused_deferred, 1);
}

#[test]
fn an_idle_connection_is_reused_immediately() {
    let mut world = World::new(limits(1, 8));
    let kept = idle(&mut world, 0);
    let id = world.request(0);
    let taken = take(&mut world, id);
    assert_eq!(taken.connection, Some(kept));
    assert_eq!(taken.from_cache, Some(FromCache::Immediate));
    let totals = world.engines[0].totals();
    assert_eq!((totals.opened, totals.reused_immediate), (1, 1));
}

#[test]
fn an_opened_connection_is_new() {
    let mut world = World::new(limits(1, 8));
    let id = world.request(0);
    connect(&mut world, 0);
    assert_eq!(take(&mut world, id).from_cache, None);
}

#[test]
fn an_answer_withdrawn_before_it_was_taken_is_no_reuse() {
    let mut world = World::new(limits(1, 8));
    idle(&mut world, 0);
    let id = world.request(0);
    world.cancel(id);
    let totals = world.engines[0].totals();
    assert_eq!(
        (totals.reused_immediate, totals.cancelled, totals.idle),
        (0, 1, 1)
    );
}

#[test]
fn a_new_shared_connection_is_new_for_all_who_waited_for_it() {
    let mut world = World::new(limits(1, 8));
    let [a, b] = [0; 2].map(|host| world.request(host));
    world.connect(0, 2);
    assert_eq!(world.take(a).expect("answered").from_cache, None);
    assert_eq!(world.take(b).expect("answered").from_cache, None);
}
