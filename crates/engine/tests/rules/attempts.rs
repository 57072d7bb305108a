//! Which request gets the result of an attempt (L5, L6).

use keepalive_engine::{Answer, ConnectionId, Return, Room};

use crate::{attempt, attempts, connect, hold, idle, limits, pass, waits, with};
use keepalive_testkit::world::World;

#[test]
fn a_failed_attempt_answers_its_owner_alone_and_frees_its_permit() {
    let mut world = World::new(limits(2, 2));
    let [a, b, c, d] = [0, 1, 2, 0].map(|host| world.request(host));
    world.fail(attempt(&world, 0));
    assert_eq!(world.answer(a), Some(Answer::Failed));
    assert!([b, c, d].iter().all(|&id| waits(&world, id)));
    assert_eq!([0, 1, 2].map(|host| attempts(&world, host)), [0, 1, 1]);
    assert_eq!((world.open(), world.engines[0].totals().failed), (2, 1));
    world.fail(attempt(&world, 2));
    assert_eq!(world.answer(c), Some(Answer::Failed));
    assert_eq!(attempts(&world, 0), 1);
    assert!(waits(&world, d));
}

#[test]
fn an_attempt_that_succeeds_serves_the_oldest_and_owners_are_swapped() {
    let mut world = World::new(limits(3, 8));
    let [a, b, c] = [0; 3].map(|host| world.request(host));
    let younger = world.attempts[2].1;
    world.connect(2, 1);
    assert_eq!(world.answer(a), Some(Answer::Connection(younger)));
    assert_eq!(attempts(&world, 0), 2, "those of the first and the second");
    world.fail(0);
    assert_eq!(
        world.answer(c),
        Some(Answer::Failed),
        "it owned the first's"
    );
    assert!(waits(&world, b));
    connect(&mut world, 0);
    assert!(world.is_served(b));
}

#[test]
fn an_attempt_without_owner_goes_to_the_waiter_without_attempt() {
    let mut world = World::new(limits(2, 8));
    let holder = hold(&mut world, 0);
    let [a, b] = [0; 2].map(|host| world.request(host));
    let inflight = world.attempts.clone();
    pass(&mut world, holder, a);
    assert_eq!(world.attempts, inflight, "b has taken it over");
    world.fail(0);
    assert_eq!(world.answer(b), Some(Answer::Failed));
}

#[test]
fn a_request_that_adopts_an_attempt_withdraws_its_claim() {
    let mut world = World::new(limits(2, 2));
    let [a, b] = [0, 1].map(|host| world.request(host));
    let claimer = world.request(0);
    let behind = world.request(2);
    world.cancel(a);
    assert_eq!(attempts(&world, 0), 1);
    assert_eq!(world.room.budget().claims(), 1);
    world.fail(attempt(&world, 1));
    assert_eq!(world.answer(b), Some(Answer::Failed));
    assert_eq!(attempts(&world, 2), 1, "the next claim is the next host's");
    world.fail(attempt(&world, 0));
    assert_eq!(world.answer(claimer), Some(Answer::Failed));
    assert!(waits(&world, behind));
}

#[test]
fn a_connection_that_comes_back_makes_an_attempt_needless() {
    let mut world = World::new(limits(2, 8));
    let holder = hold(&mut world, 0);
    let id = world.request(0);
    pass(&mut world, holder, id);
    assert_eq!((attempts(&world, 0), world.closing.len()), (0, 1));
    assert_eq!(world.open(), 2, "it counts until it is gone");
    world.run();
    assert_eq!(world.open(), 1);
}

#[test]
fn a_withdrawn_answer_goes_to_the_next_waiter_and_closes_nothing() {
    let mut world = World::new(limits(1, 2));
    let kept = idle(&mut world, 1);
    let [a, b] = [0; 2].map(|host| world.request(host));
    let opened = connect(&mut world, 0);
    assert!(world.is_served(a));
    world.cancel(a);
    assert_eq!(world.answer(b), Some(Answer::Connection(opened)));
    assert!(world.closing.is_empty() && world.engines[0].is_idle(kept));
}

#[test]
fn a_withdrawn_attempt_that_fails_is_gone() {
    let mut world = World::new(limits(1, 1));
    let id = world.request(0);
    world.cancel(id);
    let next = world.request(1);
    assert!(world.fail_late(0), "it was withdrawn");
    assert_eq!((world.open(), attempts(&world, 1)), (1, 1));
    assert!(waits(&world, next));
}

#[test]
fn a_permit_is_free_once_its_connection_has_closed() {
    let mut world = World::new(limits(1, 1));
    let holder = hold(&mut world, 0);
    let id = world.request(1);
    world.release(holder, Return::Close);
    assert_eq!(attempts(&world, 1), 0, "closing counts");
    world.finish_close(0);
    assert_eq!(attempts(&world, 1), 1);
    let again = hold_closed(&mut world, id);
    assert_eq!((again, world.open()), (true, 0));
}

/// Connects, takes the connection, and finds it closed already.
fn hold_closed(world: &mut World, id: keepalive_engine::RequestId) -> bool {
    world.connect(0, 1);
    world.take(id);
    world.release(id, Return::Closed);
    world.closing.is_empty()
}

#[test]
fn a_withdrawn_attempt_is_in_flight_until_it_has_ended() {
    let ends: [fn(&mut World); 3] = [
        |world| world.finish_close(0),
        |world| assert!(world.fail_late(0)),
        |world| assert!(world.connect_late(0)),
    ];
    for end in ends {
        let mut world = with(limits(1, 8), |it| it.max_connecting = Some(1));
        let id = world.request(0);
        world.request(1);
        world.cancel(id);
        assert_eq!((attempts(&world, 1), world.closing.len()), (0, 1));
        end(&mut world);
        assert_eq!(attempts(&world, 1), 1);
        assert_eq!(world.room.budget().connecting(), 1);
    }
}

#[test]
fn a_withdrawn_attempt_counts_as_closing_until_it_has_ended() {
    let mut world = World::new(limits(1, 8));
    let id = world.request(0);
    let count = |world: &World| {
        let totals = world.engines[0].totals();
        (totals.open, totals.connecting, totals.closing)
    };
    assert_eq!(count(&world), (1, 1, 0));
    world.cancel(id);
    assert_eq!(count(&world), (1, 0, 1));
    assert!(world.connect_late(0));
    assert_eq!(count(&world), (1, 0, 1));
    world.finish_close(0);
    assert_eq!(count(&world), (0, 0, 0));
}

#[test]
fn an_attempt_is_wanted_until_it_is_withdrawn_or_ends() {
    let mut world = World::new(limits(2, 2));
    let (first, second) = (world.request(0), world.request(0));
    let wanted = |world: &World, id| world.engines[world.shard_of(0)].is_connecting(id);
    let ids: Vec<ConnectionId> = world.attempts.iter().map(|&(_, id, _)| id).collect();
    assert!(ids.iter().all(|&id| wanted(&world, id)));

    world.cancel(second);
    let opened = connect(&mut world, 0);
    assert!(
        ids.iter().all(|&id| !wanted(&world, id)),
        "one open, one withdrawn"
    );
    assert!(ids.contains(&opened) && world.is_served(first));
}
