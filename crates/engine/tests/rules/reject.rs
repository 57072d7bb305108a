//! A request whose connection closes before its answer is taken asks for another one (C4).

use keepalive_engine::{Answer, FromCache, Return, Room};

use crate::{attempt, attempts, connect, hold, idle, limits, ms, take, take_timing, waits, with};
use keepalive_testkit::world::World;

#[test]
fn a_rejected_request_gets_another_connection() {
    let mut world = World::new(limits(1, 8));
    let gone = idle(&mut world, 0);
    let id = world.request(0);
    world.reject(id);
    assert_eq!(world.closing, [(0, gone)]);
    assert!(waits(&world, id));
    world.run();
    let opened = connect(&mut world, 0);
    let taken = take(&mut world, id);
    assert_eq!((taken.connection, taken.from_cache), (Some(opened), None));
    assert_eq!(world.engines[0].totals().closed_by_peer, 1);
}

#[test]
fn a_request_fails_with_the_second_new_connection_that_it_rejects() {
    let mut world = World::new(limits(1, 8));
    let id = world.request(0);
    connect(&mut world, 0);
    world.reject(id);
    assert!(waits(&world, id));
    world.run();
    let second = connect(&mut world, 0);
    world.reject(id);
    assert_eq!(world.answer(id), Some(Answer::Failed));
    assert_eq!(world.closing, [(0, second)]);
    world.run();
    assert_eq!(attempts(&world, 0), 0);
    let totals = world.engines[0].totals();
    assert_eq!((totals.closed_by_peer, totals.failed), (2, 1));
}

#[test]
fn rejected_connections_that_others_had_used_do_not_count() {
    let mut world = World::new(limits(5, 8));
    let users = [(); 5].map(|()| hold(&mut world, 0));
    for user in users {
        world.release(user, Return::Reuse);
    }
    let id = world.request(0);
    for _ in users {
        assert!(world.is_served(id));
        world.reject(id);
    }
    assert!(waits(&world, id));
    world.run();
    connect(&mut world, 0);
    world.reject(id);
    assert!(waits(&world, id));
}

#[test]
fn rejected_connections_that_another_has_taken_do_not_count() {
    let mut world = World::new(limits(1, 8));
    let mut other = world.request(0);
    let late = world.request(0);
    for _ in 0..3 {
        world.connect(attempt(&world, 0), 2);
        take(&mut world, other);
        world.reject(late);
        assert!(waits(&world, late));
        world.release(other, Return::Reuse);
        world.run();
        other = world.request(0);
    }
}

#[test]
fn a_rejected_request_keeps_its_deadline() {
    let mut world = World::new(limits(1, 8));
    let id = world.ask(0, Some(ms(100)), None);
    connect(&mut world, 0);
    world.wait(ms(60));
    world.reject(id);
    world.run();
    assert_eq!(attempts(&world, 0), 1);
    world.wait(ms(39));
    assert!(waits(&world, id));
    world.wait(ms(1));
    assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
    assert_eq!(take_timing(&mut world, id).total(), ms(100));
}

#[test]
fn a_rejected_request_after_its_deadline_times_out_at_once() {
    let mut world = World::new(limits(1, 8));
    let id = world.ask(0, Some(ms(100)), None);
    connect(&mut world, 0);
    world.wait(ms(150));
    world.reject(id);
    assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
}

#[test]
fn a_rejected_request_waits_behind_those_that_came_meanwhile() {
    let mut world = World::new(limits(1, 8));
    let [a, b] = [0; 2].map(|host| world.request(host));
    connect(&mut world, 0);
    world.reject(a);
    world.run();
    connect(&mut world, 0);
    assert!(world.is_served(b) && waits(&world, a));
    world.use_and_free(b);
    assert_eq!(take(&mut world, a).from_cache, Some(FromCache::Deferred));
}

#[test]
fn a_rejected_request_takes_another_idle_connection() {
    let mut world = World::new(limits(2, 8));
    let [a, b] = [0; 2].map(|host| world.request(host));
    let [first, second] = [(); 2].map(|()| connect(&mut world, 0));
    world.use_and_free(a);
    world.use_and_free(b);
    let id = world.request(0);
    assert_eq!(world.answer(id), Some(Answer::Connection(second)));
    world.reject(id);
    assert_eq!(world.answer(id), Some(Answer::Connection(first)));
}

#[test]
fn a_rejected_request_is_not_refused_because_the_queue_is_full() {
    let mut world = with(limits(1, 8), |it| it.max_queued = Some(1));
    let id = world.request(0);
    world.connect(0, 1);
    world.request(0);
    world.reject(id);
    assert_eq!(world.answer(id), None);
}

#[test]
fn a_rejected_request_that_waits_is_counted_as_queued() {
    let mut world = with(limits(1, 8), |it| it.max_queued = Some(1));
    let id = world.request(0);
    connect(&mut world, 0);
    world.reject(id);
    assert!(waits(&world, id));
    assert_eq!(world.room.queued(), 1);
    let next = world.request(0);
    assert_eq!(world.answer(next), Some(Answer::QueueFull { max: 1 }));
    world.run();
    assert_eq!((attempts(&world, 0), world.room.queued()), (1, 0));
}

#[test]
fn a_rejected_request_without_an_attempt_keeps_its_queue_timeout() {
    let mut world = World::new(limits(1, 8));
    idle(&mut world, 0);
    let id = world.ask(0, None, Some(ms(10)));
    world.reject(id);
    world.wait(ms(9));
    assert!(waits(&world, id), "the other is still closing");
    world.wait(ms(1));
    assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
}

#[test]
fn a_rejected_request_that_had_an_attempt_has_no_queue_timeout() {
    let mut world = World::new(limits(1, 8));
    let id = world.ask(0, Some(ms(100)), Some(ms(10)));
    connect(&mut world, 0);
    world.reject(id);
    world.wait(ms(99));
    assert!(waits(&world, id));
    world.wait(ms(1));
    assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
}

#[test]
fn a_rejected_connection_that_was_taken_after_a_wait_counts_as_no_reuse_and_no_wait() {
    let mut world = World::new(limits(1, 1));
    let held = hold(&mut world, 0);
    let id = world.request(0);
    world.wait(ms(10));
    world.release(held, Return::Reuse);
    let taken = world.take(id).expect("answered");
    assert_eq!(taken.from_cache, Some(FromCache::Deferred));
    let count = |world: &World| {
        let engine = &world.engines[0];
        (
            engine.totals().reused_deferred,
            engine.waiting_time().count(),
        )
    };
    assert_eq!(count(&world), (1, 2));
    world.reject(id);
    assert_eq!(count(&world), (0, 1));
    assert_eq!(world.engines[0].totals().closed_by_peer, 1);
    assert_eq!(world.engines[0].waiting_time().longest(), ms(0));
}
