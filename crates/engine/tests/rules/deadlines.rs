//! Deadlines fire exactly at their time, by themselves (T1, T2).

use std::time::Duration;

use keepalive_engine::{Answer, Due, Phase, Reason, Settings};

use crate::{attempts, connect, hold, idle, limits, ms, take, take_timing, waits, with};
use keepalive_testkit::world::World;

#[test]
fn a_request_times_out_exactly_at_its_time() {
    let mut world = with(limits(1, 8), |it| it.timeout = ms(100));
    let [a, b] = [0, 0].map(|host| world.request(host));
    let c = world.ask(0, Some(ms(70)), None);
    world.wait(ms(70) - Duration::from_nanos(1));
    assert!(waits(&world, c));
    world.wait(Duration::from_nanos(1));
    assert!(matches!(world.answer(c), Some(Answer::TimedOut(_))));
    let due = world.engines[0].poll_timeout();
    assert_eq!(due, Some((world.start + ms(100), Due::Request)));
    world.wait(ms(30));
    for id in [a, b] {
        assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
    }
    assert_eq!(world.engines[0].totals().timed_out, 3);
    assert_eq!(attempts(&world, 0), 0);
}

#[test]
fn an_answered_request_has_no_deadline() {
    let mut world = World::new(limits(1, 8));
    let id = world.ask(0, Some(ms(100)), None);
    connect(&mut world, 0);
    assert_eq!(world.engines[0].poll_timeout(), None);
    world.wait(ms(1000));
    assert!(take(&mut world, id).connection.is_some());
}

#[test]
fn a_deadline_is_kept_by_whatever_input_comes_first() {
    let mut world = World::new(limits(1, 8));
    let late = world.ask(0, Some(ms(10)), None);
    world.now += ms(10);
    world.request(1);
    assert!(matches!(world.answer(late), Some(Answer::TimedOut(_))));
}

#[test]
fn a_request_without_time_gets_an_idle_connection_or_times_out() {
    let mut world = World::new(limits(2, 8));
    idle(&mut world, 0);
    let [first, second] = [0, 0].map(|host| world.ask(host, Some(ms(0)), None));
    assert!(world.is_served(first));
    assert!(matches!(world.answer(second), Some(Answer::TimedOut(_))));
    assert_eq!(attempts(&world, 0), 0);
}

#[test]
fn a_timeout_says_the_reason_and_the_time_of_the_wait() {
    let mut world = World::new(limits(1, 8));
    hold(&mut world, 0);
    let id = world.ask(0, Some(ms(10)), None);
    world.wait(ms(10));
    let Some(Answer::TimedOut(waiting)) = world.answer(id) else {
        panic!("it is overdue");
    };
    let reason = Reason::HostLimit { in_use: 1, max: 1 };
    assert_eq!((waiting.reason(), waiting.elapsed()), (reason, ms(10)));
    assert_eq!(take_timing(&mut world, id).total(), ms(10));
}

#[test]
fn a_timeout_frees_the_permit_for_the_next_host() {
    let mut world = World::new(limits(1, 1));
    world.ask(0, Some(ms(10)), None);
    let next = world.request(1);
    world.wait(ms(10));
    world.run();
    assert_eq!(attempts(&world, 1), 1);
    connect(&mut world, 1);
    assert!(world.is_served(next));
}

#[test]
fn a_deadline_fires_before_progress_of_the_same_instant() {
    let mut world = World::new(Settings::default());
    let id = world.ask(0, Some(ms(10)), None);
    world.now += ms(10);
    let (_, attempt, _) = world.attempts[0];
    world.engines[0].progress(world.now, &mut world.room, attempt, Phase::Tls);
    world.engines[0].tick(world.now, &mut world.room);
    world.drain(0);
    let Some(Answer::TimedOut(waiting)) = world.answer(id) else {
        panic!("overdue");
    };
    assert_eq!(
        (waiting.reason(), waiting.elapsed()),
        (Reason::Resolving, ms(10))
    );
}

#[test]
fn requests_that_time_out_together_each_say_their_reason() {
    let mut world = World::new(limits(1, 8));
    let ids = [0; 3].map(|host| world.ask(host, Some(ms(10)), None));
    world.wait(ms(12));
    let reasons = ids.map(|id| match world.answer(id) {
        Some(Answer::TimedOut(waiting)) => (waiting.reason(), waiting.elapsed()),
        other => panic!("{id}: {other:?}"),
    });
    let limit = Reason::HostLimit { in_use: 1, max: 1 };
    let expected = [Reason::Resolving, limit, limit].map(|reason| (reason, ms(12)));
    assert_eq!(reasons, expected);
    assert_eq!(
        world.attempts.len(),
        0,
        "nobody is left who could use the attempt"
    );
}
