//! Asking for a connection and taking it in one (R8).

use std::time::Duration;

use keepalive_engine::{Answer, Ask, ConnectionId, Due, Leased, Return, Settings};

use crate::{hold, idle, limits, ms, pass, waits};
use keepalive_testkit::world::World;

/// Asks for a connection of host 0 that `is_sound`.
fn lease(world: &mut World, is_sound: impl FnOnce(ConnectionId) -> bool) -> Option<Leased> {
    let (engine, now, room) = (&mut world.engines[0], world.now, &mut world.room);
    let ask = Ask {
        host: (World::hash(0), &0),
        number: 1 << 40,
        timeout: None,
        queue_timeout: None,
    };
    engine.lease(now, room, ask, (), |id, _| is_sound(id))
}

#[test]
fn what_is_idle_is_taken_and_nothing_is_said() {
    let mut world = World::new(limits(2, 2));
    let connection = idle(&mut world, 0);
    let Some(Leased::Here(id, taken)) = lease(&mut world, |_| true) else {
        panic!("it is there");
    };
    assert_eq!(taken, connection);
    let engine = &mut world.engines[0];
    assert!(engine.poll_action().is_none());
    assert_eq!(engine.take(id).map(|taken| taken.connection), None, "once");
    assert_eq!(engine.held().map(|(id, ..)| id).collect::<Vec<_>>(), [id]);
    assert_eq!(engine.totals().reused_immediate, 1);
    assert_eq!(engine.waiting_time().count(), 2);
    engine.released(world.now, &mut world.room, id, Return::Reuse);
    assert!(engine.is_idle(connection));
    assert_eq!(engine.held().count(), 0);
}

#[test]
fn what_is_not_sound_is_left_where_it_is() {
    let mut world = World::new(limits(2, 2));
    let connection = idle(&mut world, 0);
    assert!(lease(&mut world, |_| false).is_none());
    let engine = &mut world.engines[0];
    assert!(engine.is_idle(connection));
    assert_eq!(
        (engine.held().count(), engine.totals().reused_immediate),
        (0, 0)
    );
}

#[test]
fn who_may_have_a_new_one_has_asked_nothing() {
    let mut world = World::new(limits(2, 2));
    hold(&mut world, 0);
    assert!(lease(&mut world, |_| panic!("there is none to look at")).is_none());
    assert_eq!(world.engines[0].totals().waiting, 0);
}

#[test]
fn who_finds_all_in_use_waits_and_is_served_in_turn() {
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
fn who_waits_has_a_deadline() {
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
fn who_has_no_time_to_wait_asks_the_long_way() {
    let mut world = World::new(limits(1, 2));
    hold(&mut world, 0);
    assert_eq!(world.lease(0, Some(Duration::ZERO)), None);
    assert_eq!(world.engines[0].totals().waiting, 0);
}

#[test]
fn what_an_older_claim_may_need_is_not_taken_in_passing() {
    let mut world = World::new(Settings {
        shards: 2,
        ..limits(1, 1)
    });
    let connection = idle(&mut world, 0);
    let elsewhere = world.request(1);
    assert!(waits(&world, elsewhere) && !world.messages.is_empty());
    assert!(world.engines[0].is_idle(connection));
    assert!(lease(&mut world, |_| true).is_none());
}

#[test]
fn nothing_is_taken_while_something_is_due() {
    let mut world = World::new(limits(2, 2));
    idle(&mut world, 0);
    let (at, _) = world.engines[0]
        .poll_timeout()
        .expect("it is not kept for ever");
    world.now = at;
    assert!(lease(&mut world, |_| true).is_none());
    world.engines[0].tick(at, &mut world.room);
    assert_eq!(world.engines[0].totals().expired, 1);
}
