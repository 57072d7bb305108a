//! Requesting a connection and taking it in one call (R8).

use std::time::Duration;

use keepalive_engine::{Answer, Due, FromCache, Leased, Return};

use crate::{hold, idle, limits, ms, pass, waits, with};
use keepalive_testkit::world::World;

/// Leases a connection of host 0 by the fast path.
fn lease(world: &mut World) -> Option<Leased> {
    world.lease(0, None)
}

#[test]
fn lease_takes_an_idle_connection_at_once_without_an_action() {
    let mut world = World::new(limits(2, 2));
    let connection = idle(&mut world, 0);
    let Some(Leased::Held(id, held)) = lease(&mut world) else {
        panic!("it is there");
    };
    assert_eq!(held, connection);
    let engine = &mut world.engines[0];
    assert!(engine.poll_action().is_none());
    assert!(engine.take(id).is_none(), "it is taken");
    assert_eq!(engine.held().map(|(id, ..)| id).collect::<Vec<_>>(), [id]);
    assert_eq!(engine.totals().reused_immediate, 1);
    assert_eq!(engine.waiting_time().count(), 2);
    world.release(id, Return::Reuse);
    assert!(world.engines[0].is_idle(connection));
    assert_eq!(world.engines[0].held().count(), 0);
}

#[test]
fn a_leased_connection_that_is_rejected_is_replaced_and_counts_as_no_reuse() {
    let mut world = World::new(limits(2, 2));
    let held = [(); 2].map(|()| hold(&mut world, 0));
    for id in held {
        world.release(id, Return::Reuse);
    }
    let Some(Leased::Held(id, first)) = lease(&mut world) else {
        panic!("two are there");
    };
    assert_eq!(world.engines[0].totals().reused_immediate, 1);
    world.reject(id);
    assert_eq!(world.engines[0].totals().reused_immediate, 0);
    assert_eq!(world.engines[0].waiting_time().count(), 2);
    assert_eq!(world.closing, [(0, first)]);
    let taken = world.take(id).expect("the other is there");
    assert_eq!(taken.from_cache, Some(FromCache::Immediate));
    assert_ne!(taken.connection, Some(first));
    let totals = world.engines[0].totals();
    assert_eq!((totals.reused_immediate, totals.closed_by_peer), (1, 1));
}

#[test]
fn a_rejected_lease_keeps_its_deadline() {
    let mut world = World::new(limits(1, 1));
    idle(&mut world, 0);
    let Some(Leased::Held(id, _)) = world.lease(0, Some(ms(5))) else {
        panic!("it is there");
    };
    world.reject(id);
    assert!(waits(&world, id));
    world.wait(ms(5));
    assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
}

#[test]
fn lease_declines_when_a_new_connection_may_be_opened() {
    let mut world = World::new(limits(2, 2));
    hold(&mut world, 0);
    assert_eq!(lease(&mut world), None);
    assert_eq!(world.engines[0].totals().waiting, 0);
}

#[test]
fn lease_waits_in_turn_when_all_connections_are_in_use() {
    let mut world = World::new(limits(1, 2));
    let held = hold(&mut world, 0);
    let first = world.request(0);
    let Some(Leased::Waits(second)) = world.lease(0, None) else {
        panic!("nothing else can be done");
    };
    assert_eq!(world.engines[0].totals().waiting, 2);
    pass(&mut world, held, first);
    assert!(waits(&world, second));
    pass(&mut world, first, second);
    assert_eq!(world.engines[0].totals().reused_deferred, 2);
}

#[test]
fn a_lease_that_waits_has_a_deadline() {
    let mut world = World::new(limits(1, 2));
    hold(&mut world, 0);
    let Some(Leased::Waits(id)) = world.lease(0, Some(ms(5))) else {
        panic!("nothing else can be done");
    };
    let due = world.engines[0].poll_timeout();
    assert_eq!(due, Some((world.now + ms(5), Due::Request)));
    world.wait(ms(5));
    assert!(matches!(world.answer(id), Some(Answer::TimedOut(_))));
}

#[test]
fn lease_declines_without_time_to_wait() {
    let mut world = World::new(limits(1, 2));
    hold(&mut world, 0);
    assert_eq!(world.lease(0, Some(Duration::ZERO)), None);
    assert_eq!(world.engines[0].totals().waiting, 0);
}

#[test]
fn lease_declines_when_an_older_claim_may_need_the_connection() {
    let mut world = with(limits(1, 1), |it| it.shards = 2);
    let connection = idle(&mut world, 0);
    let elsewhere = world.request(1);
    assert!(waits(&world, elsewhere) && !world.messages.is_empty());
    assert!(world.engines[0].is_idle(connection));
    assert_eq!(lease(&mut world), None);
}

#[test]
fn lease_declines_while_a_deadline_is_due() {
    let mut world = World::new(limits(2, 2));
    idle(&mut world, 0);
    let (at, _) = world.engines[0]
        .poll_timeout()
        .expect("it is not kept for ever");
    world.now = at;
    assert_eq!(lease(&mut world), None);
    world.engines[0].tick(at, &mut world.room);
    assert_eq!(world.engines[0].totals().expired, 1);
}
