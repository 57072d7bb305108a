//! An attempt that nobody needs any more: withdrawn, or finished into the cache (SPEC L5).

use keepalive_engine::{Due, FromCache, Settings};

use crate::{attempts, connect, limits, ms, take, waits};
use keepalive_testkit::world::World;

fn world() -> World {
    World::new(Settings {
        finish_attempts: true,
        timeout: ms(100),
        ..limits(1, 8)
    })
}

#[test]
fn an_attempt_without_owner_ends_after_timeout() {
    let mut world = world();
    let id = world.request(0);
    world.wait(ms(30));
    world.cancel(id);
    let due = world.engines[0].poll_timeout();
    assert_eq!(due, Some((world.start + ms(130), Due::Connection)));
    world.wait(ms(99));
    assert_eq!(attempts(&world, 0), 1);
    world.wait(ms(1));
    assert_eq!((attempts(&world, 0), world.closing.len()), (0, 1));
    world.run();
    assert_eq!((world.open(), world.engines[0].totals().expired), (0, 0));
}

#[test]
fn before_that_it_finishes_into_the_cache() {
    let mut world = world();
    let id = world.request(0);
    world.cancel(id);
    world.wait(ms(99));
    let opened = connect(&mut world, 0);
    assert!(world.engines[0].is_idle(opened));
    world.wait(ms(1));
    assert!(
        world.engines[0].is_idle(opened),
        "its time as an attempt is over"
    );
    let next = world.request(0);
    let taken = take(&mut world, next);
    assert_eq!(taken.connection, Some(opened));
    assert_eq!(taken.from_cache, Some(FromCache::Immediate));
}

#[test]
fn who_adopts_it_gives_it_a_deadline_of_its_own() {
    let mut world = world();
    let id = world.request(0);
    world.cancel(id);
    world.wait(ms(50));
    let adopter = world.ask(0, Some(ms(500)), None);
    assert_eq!(attempts(&world, 0), 1);
    world.wait(ms(499));
    assert!(waits(&world, adopter));
    connect(&mut world, 0);
    assert!(world.is_served(adopter));
}

#[test]
fn it_finishes_too_when_its_owner_is_served_by_another() {
    let mut world = World::new(Settings {
        finish_attempts: true,
        ..limits(2, 8)
    });
    let holder = crate::hold(&mut world, 0);
    let id = world.request(0);
    crate::pass(&mut world, holder, id);
    assert_eq!((attempts(&world, 0), world.closing.len()), (1, 0));
    connect(&mut world, 0);
    assert_eq!(world.engines[0].totals().idle, 1);
}

#[test]
fn it_fails_without_an_answer_to_anybody() {
    let mut world = world();
    let id = world.request(0);
    world.cancel(id);
    world.fail(0);
    let totals = world.engines[0].totals();
    assert_eq!((totals.failed, totals.open, world.open()), (0, 0, 0));
}

#[test]
fn by_default_it_is_withdrawn_at_once() {
    let mut world = World::new(limits(1, 8));
    let id = world.request(0);
    world.cancel(id);
    assert_eq!((attempts(&world, 0), world.closing.len()), (0, 1));
}
