//! Idle connections make room for other hosts (L4).

use keepalive_engine::Return;

use crate::{attempts, connect, hold, idle, limits, ms, waits, with};
use keepalive_testkit::world::World;

#[test]
fn evictions_close_as_many_as_claims_need() {
    let mut world = World::new(limits(1, 4));
    let kept = [0, 1, 2, 3].map(|host| idle(&mut world, host));
    for (claims, host) in [(1, 4), (2, 5), (3, 6)] {
        let id = world.request(host);
        assert!(waits(&world, id));
        world.wait(ms(1));
        let closing: Vec<_> = world.closing.iter().map(|&(_, id)| id).collect();
        assert_eq!(closing, kept[..claims]);
    }
    assert!(world.engines[0].is_idle(kept[3]));
    world.finish_close(0);
    assert_eq!((attempts(&world, 4), world.closing.len()), (1, 2));
    world.run();
    assert_eq!(world.engines[0].totals().evicted, 3);
}

#[test]
fn a_withdrawn_claim_closes_no_further_connection() {
    let mut world = World::new(limits(1, 2));
    let kept = [0, 1].map(|host| idle(&mut world, host));
    let gone = world.request(2);
    world.cancel(gone);
    let id = world.request(3);
    assert!(waits(&world, id));
    assert_eq!(world.closing, [(0, kept[0])], "one is closing already");
}

#[test]
fn the_connection_idle_longest_is_evicted_wherever_it_is_listed() {
    let mut world = World::new(limits(1, 3));
    let kept = [0, 1, 2].map(|host| {
        world.wait(ms(1));
        idle(&mut world, host)
    });
    world.wait(ms(1));
    idle(&mut world, 0);
    world.request(3);
    world.request(4);
    assert_eq!(world.closing, [(0, kept[1]), (0, kept[2])]);
    assert!(world.engines[0].is_idle(kept[0]));
}

#[test]
fn the_connection_idle_longest_is_evicted_across_shards() {
    for order in [[0, 1], [1, 0]] {
        let mut world = with(limits(1, 2), |it| it.shards = 2);
        let [longest, other] = order.map(|host| {
            world.wait(ms(1));
            (world.shard_of(host), idle(&mut world, host))
        });
        let id = world.request(2);
        while !world.messages.is_empty() {
            world.deliver_message();
        }
        assert_eq!(world.closing, [longest]);
        assert!(world.engines[other.0].is_idle(other.1));
        world.run();
        connect(&mut world, 2);
        assert!(world.is_served(id));
    }
}

#[test]
fn evictions_across_shards_close_as_many_as_claims_need() {
    let mut world = with(limits(1, 4), |it| it.shards = 2);
    let kept = [0, 1, 2, 3].map(|host| {
        world.wait(ms(1));
        (world.shard_of(host), idle(&mut world, host))
    });
    world.request(4);
    world.request(6);
    world.request(5);
    while !world.messages.is_empty() {
        world.deliver_message();
    }
    world.wait(ms(1));
    assert_eq!(world.closing, kept[..3]);
    world.run();
    assert_eq!(world.attempts.len(), 3);
}

#[test]
fn a_shard_without_idle_connections_stops_no_eviction_of_others() {
    let mut world = with(limits(1, 2), |it| it.shards = 2);
    idle(&mut world, 1);
    world.wait(ms(1));
    idle(&mut world, 0);
    let waiting = world.request(2);
    let reused = world.request(1);
    assert!(world.is_served(reused), "the question is still on its way");
    world.run();
    assert_eq!(attempts(&world, 2), 1);
    assert!(waits(&world, waiting));
}

#[test]
fn evictions_close_only_as_many_as_may_connect() {
    let mut world = with(limits(1, 3), |it| it.max_connecting = Some(1));
    for host in 0..3 {
        idle(&mut world, host);
    }
    world.request(3);
    world.request(4);
    assert_eq!(world.closing.len(), 1);
    world.run();
    assert_eq!(
        (world.attempts.len(), world.engines[0].totals().idle),
        (1, 2)
    );
    connect(&mut world, 3);
    world.run();
    assert_eq!(
        (attempts(&world, 4), world.engines[0].totals().idle),
        (1, 1)
    );
}

#[test]
fn the_permit_of_a_withdrawn_attempt_is_for_one_and_another_needs_room() {
    for (waiting, closing) in [(1, 1), (2, 2)] {
        let mut world = with(limits(1, 2), |it| it.max_connecting = Some(2));
        idle(&mut world, 0);
        let id = world.request(1);
        world.cancel(id);
        for host in 0..waiting {
            world.request(2 + host);
        }
        assert_eq!(world.closing.len(), closing);
        world.run();
        assert_eq!(world.attempts.len(), closing);
    }
}

#[test]
fn a_freed_connection_is_evicted_if_only_other_hosts_wait() {
    let mut world = World::new(limits(1, 1));
    let id = hold(&mut world, 0);
    world.request(1);
    world.release(id, Return::Reuse);
    assert_eq!(
        (world.closing.len(), world.engines[0].totals().evicted),
        (1, 1)
    );
    world.run();
    assert_eq!(attempts(&world, 1), 1);
}

#[test]
fn a_host_at_its_own_limit_evicts_nobody() {
    let mut world = World::new(limits(1, 2));
    hold(&mut world, 0);
    let kept = idle(&mut world, 1);
    world.request(0);
    assert!(world.engines[0].is_idle(kept));
}

#[test]
fn the_connection_idle_longest_is_evicted_for_its_descriptor() {
    let mut world = World::new(limits(1, 9));
    let kept = [0, 1].map(|host| {
        world.wait(ms(1));
        idle(&mut world, host)
    });
    world.evict_longest_idle(0);
    assert_eq!(world.closing, [(0, kept[0])]);
    assert!(world.engines[0].is_idle(kept[1]));
    world.run();
    assert_eq!(
        (
            world.engines[0].totals().evicted,
            world.engines[0].totals().idle
        ),
        (1, 1)
    );
    world.evict_longest_idle(0);
    world.evict_longest_idle(0);
    assert_eq!(
        world.engines[0].totals().evicted,
        2,
        "nothing is idle any more"
    );
}
