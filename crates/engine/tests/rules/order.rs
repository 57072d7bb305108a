//! Which request is served next (L2, L3, L5).

use keepalive_engine::{IdleOrder, Phase, Reason, Return, Room, Settings};

use crate::{attempts, connect, connection, crowd, hold, idle, limits, pass, reason, waits, with};
use keepalive_testkit::world::World;

#[test]
fn a_host_at_its_limit_does_not_delay_another() {
    let mut world = World::new(limits(1, 4));
    let holder = hold(&mut world, 0);
    let waiting = crowd(&mut world, 0, 5000);
    for host in 1..4 {
        hold(&mut world, host);
    }
    assert_eq!(world.attempts.len(), 0);
    pass(&mut world, holder, waiting[0]);
    assert!(waiting[1..].iter().all(|&id| waits(&world, id)));
}

#[test]
fn room_goes_to_the_oldest_of_all_hosts_below_their_limit() {
    let mut world = World::new(limits(1, 2));
    let [a, b] = [0, 1].map(|host| hold(&mut world, host));
    crowd(&mut world, 0, 5000);
    world.request(2);
    world.request(3);
    world.release(b, Return::Close);
    world.run();
    assert_eq!((attempts(&world, 2), world.attempts.len()), (1, 1));
    world.release(a, Return::Close);
    world.run();
    assert_eq!((attempts(&world, 0), attempts(&world, 3)), (1, 0));
}

#[test]
fn requests_of_one_host_are_served_in_order_of_arrival() {
    let mut world = World::new(limits(2, 8));
    let ids = [0; 6].map(|host| world.request(host));
    connect(&mut world, 0);
    connect(&mut world, 0);
    for id in ids {
        world.use_and_free(id);
    }
    let served: Vec<_> = world.served.iter().map(|&(id, _)| id).collect();
    assert_eq!(served, ids);
}

#[test]
fn a_withdrawn_request_costs_no_other_its_place() {
    let mut world = World::new(limits(1, 1));
    let holder = hold(&mut world, 0);
    let ids = [1, 2, 3, 4].map(|host| world.request(host));
    world.cancel(ids[1]);
    world.release(holder, Return::Close);
    for host in [1, 3, 4] {
        world.run();
        assert_eq!((attempts(&world, host), world.attempts.len()), (1, 1));
        world.fail(0);
    }
}

#[test]
fn a_grant_goes_to_the_oldest_of_all_shards() {
    let mut world = with(limits(1, 1), |it| it.shards = 3);
    let holder = hold(&mut world, 0);
    for host in [4, 2, 1, 3] {
        world.request(host);
    }
    world.release(holder, Return::Close);
    for host in [4, 2, 1, 3] {
        world.run();
        assert_eq!((attempts(&world, host), world.attempts.len()), (1, 1));
        world.fail(0);
    }
    world.run();
    assert_eq!(world.open(), 0);
}

#[test]
fn a_grant_whose_request_has_gone_is_passed_on() {
    let mut world = with(limits(2, 1), |it| it.shards = 2);
    let holder = hold(&mut world, 0);
    let gone = world.request(1);
    let next = world.request(2);
    world.release(holder, Return::Close);
    world.finish_close(0);
    world.cancel(gone);
    let late = world.request(1);
    world.run();
    assert_eq!((attempts(&world, 2), attempts(&world, 1)), (1, 0));
    assert!(waits(&world, next) && waits(&world, late));
}

#[test]
fn idle_order_decides_which_idle_connection_is_reused() {
    for (idle_order, place) in [(IdleOrder::Lifo, 1), (IdleOrder::Fifo, 0)] {
        let mut world = with(limits(2, 8), |it| it.idle_order = idle_order);
        let ids = [0; 2].map(|host| world.request(host));
        let opened = [(); 2].map(|()| connect(&mut world, 0));
        for id in ids {
            world.use_and_free(id);
        }
        let host = world.host(0);
        let next = world.engines[0].next_idle(host);
        assert_eq!(next, Some(opened[place]));
        let id = hold(&mut world, 0);
        assert_eq!(connection(&world, id), opened[place]);
    }
}

#[test]
fn idle_order_counts_the_last_return_of_a_shared_connection() {
    for (idle_order, shared_is_next) in [(IdleOrder::Lifo, true), (IdleOrder::Fifo, false)] {
        let mut world = World::new(Settings {
            idle_order,
            keep_unneeded_attempts: true,
            ..limits(2, 8)
        });
        let ids = [0; 2].map(|host| world.request(host));
        world.progress(1, Phase::Connect);
        let shared = world.connect(0, 3);
        let unused = connect(&mut world, 0);
        for id in ids {
            world.use_and_free(id);
        }
        let id = hold(&mut world, 0);
        let next = if shared_is_next { shared } else { unused };
        assert_eq!(connection(&world, id), next);
    }
}

#[test]
fn a_connection_is_idle_for_its_own_host_alone() {
    let mut world = World::new(limits(2, 8));
    let kept = idle(&mut world, 0);
    let other = world.request(1);
    assert!(waits(&world, other));
    assert!(world.engines[0].is_idle(kept));
}

#[test]
fn a_shared_connection_counts_once_and_serves_as_many_as_it_can() {
    let mut world = World::new(limits(1, 1));
    let ids = [0; 4].map(|host| world.request(host));
    let opened = world.connect(0, 2);
    assert_eq!(
        ids.map(|id| world.is_served(id)),
        [true, true, false, false]
    );
    assert_eq!(world.open(), 1);
    world.set_capacity(0, opened, 3);
    assert!(world.is_served(ids[2]) && waits(&world, ids[3]));
    world.set_capacity(0, opened, 1);
    world.use_and_free(ids[0]);
    world.use_and_free(ids[1]);
    assert!(
        waits(&world, ids[3]),
        "one lease is as many as it can carry"
    );
    world.use_and_free(ids[2]);
    assert!(world.is_served(ids[3]));
}

#[test]
fn a_permit_goes_to_the_first_of_its_host_while_a_grant_is_on_its_way() {
    let mut world = World::new(Settings {
        max_queued: Some(8),
        shards: 2,
        ..limits(2, 2)
    });
    let leases = [0, 2].map(|host| hold(&mut world, host));
    let first = world.request(1);
    for lease in leases {
        world.release(lease, Return::Close);
        world.finish_close(0);
    }
    let second = world.request(1);
    assert_eq!(reason(&mut world, first), Some(Reason::Resolving));
    assert_ne!(reason(&mut world, second), Some(Reason::Resolving));
    assert_eq!(world.room.queued(), 1);
    world.run();
    assert_eq!((attempts(&world, 1), world.room.queued()), (2, 0));
}

#[test]
fn a_shared_connection_that_can_carry_no_more_serves_nobody_else() {
    let mut world = World::new(limits(1, 1));
    let id = world.request(0);
    let opened = world.connect(0, 3);
    world.set_capacity(0, opened, 1);
    let next = world.request(0);
    assert!(waits(&world, next));
    world.use_and_free(id);
    assert!(world.is_served(next));
}
