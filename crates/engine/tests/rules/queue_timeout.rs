//! `queue_timeout` covers the time until an attempt starts (T1).

use keepalive_engine::{Answer, Due, Return};

use crate::{attempt, attempts, hold, limits, ms, waits};
use keepalive_testkit::world::World;

#[test]
fn queue_timeout_ends_when_an_attempt_starts() {
    let mut world = World::new(limits(1, 8));
    let holder = hold(&mut world, 0);
    let id = world.ask(0, Some(ms(100)), Some(ms(10)));
    world.wait(ms(9));
    world.release(holder, Return::Close);
    world.run();
    assert_eq!(attempts(&world, 0), 1);
    let due = world.engines[0].poll_timeout();
    assert_eq!(due, Some((world.start + ms(100), Due::Request)));
    world.wait(ms(90));
    assert!(waits(&world, id));
    world.wait(ms(1));
    assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
}

#[test]
fn queue_timeout_ends_when_the_request_adopts_an_attempt() {
    let mut world = World::new(limits(1, 8));
    let first = world.request(0);
    let second = world.ask(0, Some(ms(100)), Some(ms(10)));
    world.wait(ms(9));
    world.cancel(first);
    world.wait(ms(90));
    assert!(waits(&world, second));
    world.connect(attempt(&world, 0), 1);
    assert!(world.is_served(second));
}

#[test]
fn queue_timeout_does_not_hold_for_a_request_with_an_attempt_at_once() {
    let mut world = World::new(limits(1, 8));
    let id = world.ask(0, Some(ms(100)), Some(ms(0)));
    world.wait(ms(99));
    assert!(waits(&world, id));
}

#[test]
fn queue_timeout_fires_exactly_at_its_time() {
    let mut world = World::new(limits(1, 8));
    hold(&mut world, 0);
    let id = world.ask(0, Some(ms(100)), Some(ms(10)));
    world.wait(ms(10) - std::time::Duration::from_nanos(1));
    assert!(waits(&world, id));
    world.wait(std::time::Duration::from_nanos(1));
    assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
}

#[test]
fn queue_timeout_never_outlasts_the_timeout() {
    let mut world = World::new(limits(1, 8));
    hold(&mut world, 0);
    let id = world.ask(0, Some(ms(10)), Some(ms(100)));
    world.wait(ms(10));
    assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
}
