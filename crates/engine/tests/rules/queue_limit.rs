//! `max_queued` counts exactly the requests that wait without an attempt (L7).

use keepalive_engine::{Answer, Phase, RequestId, Return, Room, Settings};

use crate::{attempt, attempts, connect, hold, idle, limits, ms, pass, take, with};
use keepalive_testkit::world::World;

const ROUNDS: usize = 50;

fn world() -> World {
    with(limits(1, 8), |it| it.max_queued = Some(3))
}

/// Three wait on host 0, and a fourth may not.
fn fill(world: &mut World) -> [RequestId; 3] {
    let ids = [0; 3].map(|host| world.ask(host, None, Some(ms(10))));
    assert_eq!(world.room.queued(), 3);
    refuse(world);
    ids
}

fn refuse(world: &mut World) {
    let before = world.engines[0].totals().refused;
    let id = world.request(0);
    assert_eq!(world.answer(id), Some(Answer::QueueFull { max: 3 }));
    take(world, id);
    assert_eq!(world.engines[0].totals().refused, before + 1);
}

#[test]
fn a_request_served_by_reuse_leaves_the_queue() {
    let mut world = world();
    let mut holder = hold(&mut world, 0);
    for _ in 0..ROUNDS {
        for id in fill(&mut world) {
            pass(&mut world, holder, id);
            holder = id;
        }
        assert_eq!(world.room.queued(), 0);
    }
}

#[test]
fn a_request_with_an_attempt_leaves_the_queue() {
    let mut world = world();
    let mut holder = hold(&mut world, 0);
    for _ in 0..ROUNDS {
        for (id, left) in fill(&mut world).into_iter().zip([2, 1, 0]) {
            world.release(holder, Return::Close);
            world.run();
            assert_eq!((attempts(&world, 0), world.room.queued()), (1, left));
            connect(&mut world, 0);
            take(&mut world, id);
            holder = id;
        }
    }
}

#[test]
fn a_request_that_adopts_an_attempt_leaves_the_queue() {
    let mut world = world();
    let mut owner = world.request(0);
    for _ in 0..ROUNDS {
        for (id, left) in fill(&mut world).into_iter().zip([2, 1, 0]) {
            world.forget(owner);
            assert_eq!(world.room.queued(), left);
            owner = id;
        }
    }
    assert_eq!(attempts(&world, 0), 1);
}

#[test]
fn a_request_with_the_permit_of_a_failed_attempt_leaves_the_queue() {
    let mut world = world();
    world.request(0);
    for _ in 0..ROUNDS {
        fill(&mut world);
        for left in [2, 1, 0] {
            world.fail(attempt(&world, 0));
            assert_eq!(world.room.queued(), left);
        }
    }
}

#[test]
fn a_request_that_times_out_or_is_withdrawn_leaves_the_queue() {
    let mut world = world();
    hold(&mut world, 0);
    for round in 0..ROUNDS {
        let ids = fill(&mut world);
        match round % 3 {
            0 => world.wait(ms(10)),
            1 => assert!(ids.iter().all(|&id| world.cancel(id))),
            _ => ids.iter().for_each(|&id| world.forget(id)),
        }
        assert_eq!(world.room.queued(), 0);
    }
}

#[test]
fn all_requests_leave_the_queue_at_abandon() {
    let mut world = world();
    for _ in 0..ROUNDS {
        hold(&mut world, 0);
        fill(&mut world);
        world.abandon();
        assert_eq!(world.room.queued(), 0);
        let held = *world.fates.keys().next().expect("the holder");
        world.release(held, Return::Close);
        world.run();
        world.fates.clear();
    }
}

#[test]
fn a_request_that_leaves_the_queue_makes_room_for_one() {
    let mut world = world();
    hold(&mut world, 0);
    let [_, second, _] = fill(&mut world);
    world.cancel(second);
    let id = world.request(0);
    assert_eq!(world.answer(id), None);
    refuse(&mut world);
}

#[test]
fn a_request_with_an_attempt_at_once_is_not_queued() {
    let mut world = world();
    hold(&mut world, 0);
    fill(&mut world);
    let other = world.request(1);
    assert_eq!(world.answer(other), None);
    assert_eq!((attempts(&world, 1), world.room.queued()), (1, 3));
}

#[test]
fn max_queued_holds_for_all_shards_together() {
    let mut world = World::new(Settings {
        max_queued: Some(2),
        shards: 2,
        ..limits(1, 8)
    });
    hold(&mut world, 0);
    hold(&mut world, 1);
    world.request(0);
    world.request(1);
    for host in [0, 1] {
        let id = world.request(host);
        assert_eq!(world.answer(id), Some(Answer::QueueFull { max: 2 }));
    }
}

#[test]
fn a_request_that_waits_for_room_in_total_is_queued() {
    let mut world = with(limits(1, 1), |it| it.max_queued = Some(2));
    hold(&mut world, 0);
    for (host, full) in [(1, false), (2, false), (3, true)] {
        let id = world.request(host);
        assert_eq!(world.answer(id).is_some(), full);
    }
}

#[test]
fn a_request_that_adopts_an_attempt_at_once_is_not_queued() {
    let mut world = World::new(Settings {
        keep_unneeded_attempts: true,
        max_queued: Some(1),
        ..limits(1, 2)
    });
    let gone = world.request(1);
    world.progress(0, Phase::Connect);
    world.cancel(gone);
    hold(&mut world, 0);
    world.request(0);
    let adopter = world.request(1);
    assert_eq!(world.answer(adopter), None);
    assert_eq!((attempts(&world, 1), world.room.queued()), (1, 1));
}

#[test]
fn a_full_queue_refuses_although_an_eviction_would_make_room() {
    let mut world = with(limits(1, 2), |it| it.max_queued = Some(1));
    let [first, second] = [0, 1].map(|host| idle(&mut world, host));
    let waits = world.request(2);
    assert_eq!((world.answer(waits), world.room.queued()), (None, 1));
    let refused = world.request(3);
    assert_eq!(world.answer(refused), Some(Answer::QueueFull { max: 1 }));
    assert_eq!(world.closing, [(0, first)]);
    assert!(world.engines[0].is_idle(second));
}
