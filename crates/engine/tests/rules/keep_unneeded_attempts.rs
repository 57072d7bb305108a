//! An attempt that no request needs is withdrawn, or finished into the cache (L5).

use std::time::Duration;

use keepalive_engine::{Due, FromCache, Phase, RequestId, Settings};

use crate::{attempt, attempts, connect, idle, limits, ms, take, waits, with};
use keepalive_testkit::world::World;

fn world() -> World {
    World::new(Settings {
        keep_unneeded_attempts: true,
        timeout: ms(100),
        ..limits(1, 8)
    })
}

#[test]
fn an_unneeded_attempt_ends_after_the_timeout() {
    let mut world = world();
    let id = begin(&mut world, 0);
    world.wait(ms(30));
    world.cancel(id);
    let due = world.engines[0].poll_timeout();
    assert_eq!(due, Some((world.start + ms(130), Due::Connection)));
    world.wait(ms(99));
    assert_eq!(attempts(&world, 0), 1);
    world.wait(ms(1));
    assert_eq!((attempts(&world, 0), world.closing.len()), (0, 1));
    world.run();
    assert_eq!((world.open(), world.engines[0].totals().expired), (0, 0));
}

#[test]
fn an_unneeded_attempt_finishes_into_the_cache() {
    let mut world = world();
    let id = begin(&mut world, 0);
    world.cancel(id);
    world.wait(ms(99));
    let opened = connect(&mut world, 0);
    assert!(world.engines[0].is_idle(opened));
    world.wait(ms(1));
    assert!(
        world.engines[0].is_idle(opened),
        "its time as an attempt is over"
    );
    let next = world.request(0);
    let taken = take(&mut world, next);
    assert_eq!(taken.connection, Some(opened));
    assert_eq!(taken.from_cache, Some(FromCache::Immediate));
}

#[test]
fn a_request_that_adopts_an_unneeded_attempt_sets_its_deadline() {
    let mut world = world();
    let id = begin(&mut world, 0);
    world.cancel(id);
    world.wait(ms(50));
    let adopter = world.ask(0, Some(ms(500)), None);
    assert_eq!(attempts(&world, 0), 1);
    world.wait(ms(499));
    assert!(waits(&world, adopter));
    connect(&mut world, 0);
    assert!(world.is_served(adopter));
}

#[test]
fn an_attempt_finishes_when_its_owner_is_served_by_reuse() {
    let mut world = with(limits(2, 8), |it| it.keep_unneeded_attempts = true);
    let holder = crate::hold(&mut world, 0);
    let id = begin(&mut world, 0);
    crate::pass(&mut world, holder, id);
    assert_eq!((attempts(&world, 0), world.closing.len()), (1, 0));
    connect(&mut world, 0);
    assert_eq!(world.engines[0].totals().idle, 1);
}

#[test]
fn an_unneeded_attempt_that_fails_answers_no_request() {
    let mut world = world();
    let id = begin(&mut world, 0);
    world.cancel(id);
    world.fail(0);
    let totals = world.engines[0].totals();
    assert_eq!((totals.failed, totals.open, world.open()), (0, 0, 0));
}

#[test]
fn unneeded_attempts_are_kept_unless_set_otherwise() {
    for (kept, left) in [(None, (1, 0)), (Some(true), (1, 0)), (Some(false), (0, 1))] {
        let mut world = with(Settings::default(), |it| {
            it.keep_unneeded_attempts = kept.unwrap_or(it.keep_unneeded_attempts);
        });
        let id = begin(&mut world, 0);
        world.cancel(id);
        assert_eq!((attempts(&world, 0), world.closing.len()), left, "{kept:?}");
    }
}

#[test]
fn an_unneeded_attempt_lasts_two_minutes_at_most() {
    let mut world = World::new(Settings {
        keep_unneeded_attempts: true,
        timeout: Duration::MAX,
        ..limits(1, 8)
    });
    let id = begin(&mut world, 0);
    world.cancel(id);
    let due = world.engines[0].poll_timeout();
    let limit = Duration::from_secs(120);
    assert_eq!(due, Some((world.start + limit, Due::Connection)));
}

#[test]
fn four_unneeded_attempts_of_a_host_are_kept() {
    let mut world = finishing(limits(8, 16));
    let ids: Vec<_> = (0..6).map(|_| begin(&mut world, 0)).collect();
    let begun: Vec<_> = world.attempts.iter().map(|&(_, id, _)| id).collect();
    ids.iter().for_each(|&id| assert!(world.cancel(id)));
    let left: Vec<_> = world.attempts.iter().map(|&(_, id, _)| id).collect();
    assert_eq!(left, begun[..4]);
    assert_eq!(world.closing.len(), 2);
}

#[test]
fn an_unneeded_attempt_gives_its_permit_to_another_host() {
    let mut world = finishing(limits(2, 2));
    let ids = [begin(&mut world, 0), begin(&mut world, 0)];
    let first = world.attempts[0].1;
    ids.iter().for_each(|&id| assert!(world.cancel(id)));
    assert_eq!(attempts(&world, 0), 2);
    world.request(1);
    assert_eq!(
        (attempts(&world, 0), world.closing.clone()),
        (1, vec![(0, first)])
    );
    world.run();
    assert_eq!((attempts(&world, 0), attempts(&world, 1)), (1, 1));
}

#[test]
fn an_unneeded_attempt_gives_up_its_share_of_max_connecting() {
    let mut world = finishing(Settings {
        max_connecting: Some(1),
        ..limits(2, 8)
    });
    let id = begin(&mut world, 0);
    world.cancel(id);
    let other = world.request(1);
    assert_eq!(attempts(&world, 0), 0);
    world.run();
    connect(&mut world, 1);
    assert!(world.is_served(other));
}

#[test]
fn an_unneeded_attempt_ends_before_an_idle_connection_is_evicted() {
    let mut world = finishing(limits(2, 2));
    let kept = idle(&mut world, 0);
    let id = begin(&mut world, 1);
    world.cancel(id);
    world.request(2);
    assert_eq!((attempts(&world, 1), attempts(&world, 2)), (0, 0));
    assert!(world.engines[0].is_idle(kept));
    world.run();
    assert_eq!(attempts(&world, 2), 1);
}

#[test]
fn an_unneeded_attempt_gives_its_permit_to_another_shard() {
    let mut world = finishing(Settings {
        shards: 2,
        ..limits(1, 1)
    });
    let id = begin(&mut world, 0);
    world.cancel(id);
    let other = world.request(1);
    assert_eq!((attempts(&world, 0), world.messages.len()), (1, 1));
    world.run();
    assert_eq!(attempts(&world, 0), 0);
    connect(&mut world, 1);
    assert!(world.is_served(other));
}

#[test]
fn an_attempt_left_while_another_host_waits_ends() {
    let mut world = finishing(limits(1, 1));
    let id = begin(&mut world, 0);
    let other = world.request(1);
    assert!(waits(&world, other));
    world.cancel(id);
    world.run();
    connect(&mut world, 1);
    assert!(world.is_served(other));
}

/// Other attempts may wait for the same name or descriptor, so an unneeded one must end.
#[test]
fn an_unneeded_attempt_without_address_or_descriptor_ends() {
    for waits in [Phase::Resolve, Phase::Descriptor] {
        for left_first in [true, false] {
            let mut world = finishing(limits(1, 8));
            let id = begin(&mut world, 0);
            if left_first {
                world.cancel(id);
                assert_eq!(attempts(&world, 0), 1);
            }
            world.progress(attempt(&world, 0), waits);
            if !left_first {
                world.cancel(id);
            }
            assert_eq!((attempts(&world, 0), world.closing.len()), (0, 1));
        }
    }
}

/// A request whose attempt has begun to connect.
fn begin(world: &mut World, host: u32) -> RequestId {
    let before = world.attempts.len();
    let id = world.request(host);
    assert_eq!(world.attempts.len(), before + 1);
    world.progress(before, Phase::Connect);
    id
}

fn finishing(mut settings: Settings) -> World {
    settings.keep_unneeded_attempts = true;
    World::new(settings)
}
