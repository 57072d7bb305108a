//! Closing takes at most `close_timeout` (C8), and a connection closes once.

use keepalive_engine::{Due, Return, Settings};

use crate::{connect, hold, idle, limits, ms, waits, with};
use keepalive_testkit::world::World;

fn world() -> World {
    with(limits(1, 1), |it| it.close_timeout = ms(40))
}

#[test]
fn a_connection_that_does_not_close_in_time_is_abandoned_once() {
    let mut world = world();
    let id = hold(&mut world, 0);
    world.wait(ms(5));
    world.release(id, Return::Close);
    let due = world.engines[0].poll_timeout();
    assert_eq!(due, Some((world.start + ms(45), Due::Connection)));
    world.wait(ms(39));
    assert_eq!(world.abandoned, 0);
    world.wait(ms(1));
    assert_eq!((world.abandoned, world.open()), (1, 1));
    world.wait(ms(1000));
    assert_eq!(world.abandoned, 1);
    world.run();
    assert_eq!(world.open(), 0);
}

#[test]
fn a_withdrawn_attempt_that_connected_all_the_same_is_abandoned_in_time() {
    let mut world = world();
    let id = world.request(0);
    world.cancel(id);
    world.wait(ms(100));
    assert_eq!(world.abandoned, 0);
    assert!(world.connect_late(0) && world.attempts.is_empty());
    world.wait(ms(39));
    assert_eq!(world.abandoned, 0);
    world.wait(ms(1));
    assert_eq!(world.abandoned, 1);
    world.run();
    assert_eq!(world.open(), 0);
}

#[test]
fn a_connection_that_closes_in_time_is_not_abandoned() {
    let mut world = world();
    let id = hold(&mut world, 0);
    world.release(id, Return::Close);
    world.finish_close(0);
    assert_eq!(world.engines[0].poll_timeout(), None);
    world.wait(ms(1000));
    assert_eq!(world.abandoned, 0);
}

#[test]
fn a_lifetime_does_not_end_a_closing_early() {
    let mut world = World::new(Settings {
        close_timeout: ms(40),
        max_lifetime: Some(ms(50)),
        lifetime_jitter: 0.0,
        ..limits(1, 1)
    });
    let id = hold(&mut world, 0);
    world.wait(ms(30));
    world.release(id, Return::Close);
    world.wait(ms(39));
    assert_eq!(world.abandoned, 0);
    world.wait(ms(1));
    assert_eq!(world.abandoned, 1);
}

#[test]
fn a_connection_that_the_peer_closed_serves_no_request() {
    let mut world = world();
    let gone = idle(&mut world, 0);
    world.peer_closes(0, gone);
    assert_eq!(world.engines[0].totals().closed_by_peer, 1);
    let id = world.request(0);
    assert!(waits(&world, id));
    world.run();
    assert_ne!(connect(&mut world, 0), gone);
}

#[test]
fn a_leased_connection_that_the_peer_closed_closes_when_it_comes_back() {
    let mut world = world();
    let id = hold(&mut world, 0);
    let next = world.request(0);
    world.peer_closes(0, crate::connection(&world, id));
    assert!(world.closing.is_empty());
    world.release(id, Return::Reuse);
    assert!(waits(&world, next));
    assert_eq!(world.closing.len(), 1);
}
