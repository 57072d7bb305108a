//! Asking for a connection and taking it in one (SPEC R8).

use keepalive_engine::{ConnectionId, RequestId, Return, Settings};

use crate::{hold, idle, limits, waits};
use keepalive_testkit::world::World;

/// Asks for a connection of host 0 that `is_sound`.
fn lease(
    world: &mut World,
    is_sound: impl FnOnce(ConnectionId) -> bool,
) -> Option<(RequestId, ConnectionId)> {
    let (engine, now, room) = (&mut world.engines[0], world.now, &mut world.room);
    engine.lease_now(now, room, World::hash(0), &0, 1 << 40, |id, _| is_sound(id))
}

#[test]
fn what_is_idle_is_taken_and_nothing_is_said() {
    let mut world = World::new(limits(2, 2));
    let connection = idle(&mut world, 0);
    let (id, taken) = lease(&mut world, |_| true).expect("it is there");
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
fn who_finds_nothing_has_asked_nothing() {
    let mut world = World::new(limits(1, 1));
    hold(&mut world, 0);
    assert!(lease(&mut world, |_| panic!("there is none to look at")).is_none());
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
