//! The timing of a request has every phase, and counts no time twice (W2).

use keepalive_engine::{Phase, Return, Timing};

use crate::{connect, hold, limits, ms, take_timing};
use keepalive_testkit::world::World;

fn phases(timing: Timing) -> [u128; 4] {
    let Timing {
        queued,
        resolve,
        connect,
        tls,
        ..
    } = timing;
    [queued, resolve, connect, tls].map(|time| time.as_millis())
}

#[test]
fn the_timing_has_each_phase_of_an_attempt() {
    let mut world = World::new(limits(1, 8));
    let holder = hold(&mut world, 0);
    let id = world.request(0);
    world.wait(ms(5));
    world.release(holder, Return::Close);
    world.run();
    world.wait(ms(7));
    world.progress(0, Phase::Connect);
    world.wait(ms(11));
    world.progress(0, Phase::Tls);
    world.wait(ms(13));
    connect(&mut world, 0);
    world.wait(ms(100));
    let timing = take_timing(&mut world, id);
    assert_eq!(phases(timing), [5, 7, 11, 13]);
    assert_eq!(timing.total(), ms(36));
}

#[test]
fn the_timing_after_a_swap_follows_the_new_attempt() {
    let mut world = World::new(limits(2, 8));
    let first = world.request(0);
    world.wait(ms(2));
    let second = world.request(0);
    world.wait(ms(3));
    world.progress(1, Phase::Connect);
    world.wait(ms(4));
    world.progress(1, Phase::Tls);
    world.wait(ms(5));
    world.connect(1, 1);
    let timing = take_timing(&mut world, first);
    assert_eq!((phases(timing), timing.total()), ([0, 14, 0, 0], ms(14)));
    world.wait(ms(6));
    world.progress(0, Phase::Connect);
    world.wait(ms(7));
    world.connect(0, 1);
    let timing = take_timing(&mut world, second);
    assert_eq!(
        (phases(timing), timing.total()),
        ([0, 3 + 6, 4 + 7, 5], ms(25))
    );
}

#[test]
fn the_timing_of_an_adopter_is_queued_and_then_the_attempts_phase() {
    let mut world = World::new(limits(1, 8));
    let first = world.request(0);
    let second = world.request(0);
    world.wait(ms(3));
    world.progress(0, Phase::Connect);
    world.wait(ms(4));
    world.cancel(first);
    assert_eq!(phases(take_timing(&mut world, first)), [0, 3, 4, 0]);
    world.wait(ms(5));
    connect(&mut world, 0);
    assert_eq!(phases(take_timing(&mut world, second)), [7, 0, 5, 0]);
}

#[test]
fn the_timing_of_a_request_served_by_reuse_has_its_attempts_phases() {
    let mut world = World::new(limits(2, 8));
    let holder = hold(&mut world, 0);
    let id = world.request(0);
    world.wait(ms(3));
    world.progress(0, Phase::Connect);
    world.wait(ms(4));
    world.release(holder, Return::Reuse);
    assert_eq!(phases(take_timing(&mut world, id)), [0, 3, 4, 0]);
}

#[test]
fn the_timing_of_a_failure_or_timeout_has_its_phases() {
    let mut world = World::new(limits(1, 8));
    let [a, b] = [0, 0].map(|host| world.ask(host, Some(ms(20)), None));
    world.wait(ms(3));
    world.progress(0, Phase::Tls);
    world.wait(ms(4));
    world.fail(0);
    assert_eq!(phases(take_timing(&mut world, a)), [0, 3, 0, 4]);
    world.wait(ms(13));
    assert_eq!(phases(take_timing(&mut world, b)), [7, 13, 0, 0]);
}

#[test]
fn the_timing_of_an_immediate_answer_is_zero() {
    let mut world = World::new(limits(1, 8));
    crate::idle(&mut world, 0);
    let id = world.request(0);
    world.wait(ms(10));
    assert_eq!(take_timing(&mut world, id).total(), ms(0));
}

#[test]
fn the_time_until_a_rejected_answer_counts_as_queued() {
    let mut world = World::new(limits(1, 8));
    let id = world.request(0);
    world.wait(ms(2));
    connect(&mut world, 0);
    world.wait(ms(3));
    world.reject(id);
    world.wait(ms(4));
    world.run();
    world.wait(ms(5));
    connect(&mut world, 0);
    let timing = take_timing(&mut world, id);
    assert_eq!((phases(timing), timing.total()), ([7, 7, 0, 0], ms(14)));
}

#[test]
fn the_time_until_an_immediately_replaced_answer_counts_as_queued() {
    let mut world = World::new(limits(2, 8));
    let ids = [0; 2].map(|host| world.request(host));
    for _ in ids {
        connect(&mut world, 0);
    }
    for id in ids {
        world.use_and_free(id);
    }
    let id = world.request(0);
    world.wait(ms(3));
    world.reject(id);
    world.wait(ms(4));
    assert_eq!(phases(take_timing(&mut world, id)), [3, 0, 0, 0]);
}

#[test]
fn the_waiting_time_of_every_connection_taken_is_recorded() {
    let mut world = World::new(limits(1, 8));
    let first = world.request(0);
    world.wait(ms(10));
    connect(&mut world, 0);
    world.use_and_free(first);
    hold(&mut world, 0);
    let gone = world.request(0);
    world.wait(ms(500));
    world.forget(gone);
    let waiting_time = world.engines[0].waiting_time();
    assert_eq!(waiting_time.count(), 2, "that of who withdrew is not");
    assert!((ms(9)..ms(11)).contains(&waiting_time.longest()));
}
