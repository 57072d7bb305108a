//! `abandon` ends everything pending, and later requests are served again (M4).

use keepalive_engine::{Answer, Phase, Return};

use crate::{attempts, connect, hold, idle, limits, waits, with};
use keepalive_testkit::world::World;

#[test]
fn abandon_closes_idle_connections_withdraws_attempts_and_answers_all() {
    for keep_unneeded_attempts in [false, true] {
        let mut world = with(limits(2, 4), |it| {
            it.keep_unneeded_attempts = keep_unneeded_attempts;
        });
        idle(&mut world, 0);
        let held = hold(&mut world, 1);
        let waiting = [2, 2, 2, 3, 4].map(|host| world.request(host));
        world.finish_close(0);
        assert_eq!(world.attempts.len(), 3, "two wait for limits");
        world.abandon();
        assert!(world.attempts.is_empty());
        assert_eq!(world.closing.len(), 3);
        for id in waiting {
            assert_eq!(world.answer(id), Some(Answer::Abandoned));
        }
        world.run();
        assert_eq!(world.open(), 1);
        world.release(held, Return::Reuse);
        assert_eq!(world.engines[0].totals().idle, 1, "the lease stays good");
    }
}

#[test]
fn abandon_closes_every_idle_connection() {
    let mut world = World::new(limits(2, 8));
    for host in 0..4 {
        idle(&mut world, host);
    }
    world.abandon();
    assert_eq!(
        (world.closing.len(), world.engines[0].totals().idle),
        (4, 0)
    );
}

#[test]
fn abandon_withdraws_attempts_without_owner() {
    let mut world = with(limits(2, 8), |it| it.keep_unneeded_attempts = true);
    let id = world.request(0);
    world.progress(0, Phase::Connect);
    world.cancel(id);
    assert_eq!(attempts(&world, 0), 1);
    world.abandon();
    assert_eq!((attempts(&world, 0), world.closing.len()), (0, 1));
    world.run();
    assert_eq!(world.open(), 0);
}

#[test]
fn requests_after_abandon_are_served() {
    let mut world = World::new(limits(1, 1));
    world.request(0);
    world.abandon();
    let id = world.request(0);
    assert!(waits(&world, id), "the old attempt is not gone yet");
    world.run();
    connect(&mut world, 0);
    assert!(world.is_served(id));
}
