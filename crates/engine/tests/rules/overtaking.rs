//! How often a connection serves its own host before an older request of another (L2).

use keepalive_engine::{Capacity, RequestId, Return, Room, Settings};

use crate::{attempts, connect, hold, limits, pass, take, waits, with};
use keepalive_testkit::world::World;

fn world(max_open: usize, max_reuse_streak: u32) -> World {
    with(limits(1, max_open), |it| {
        it.max_reuse_streak = max_reuse_streak;
    })
}

/// How often a later request was served while an earlier one waited for room.
fn overtakes(world: &mut World) -> u64 {
    world.room.budget().overtakes()
}

fn requests<const N: usize>(world: &mut World, host: u32) -> [RequestId; N] {
    [host; N].map(|host| world.request(host))
}

/// Each request passes the connection to the next, and the last keeps it.
fn pass_on(world: &mut World, from: RequestId, to: &[RequestId]) -> RequestId {
    to.iter().fold(from, |from, &to| {
        pass(world, from, to);
        to
    })
}

/// The last of those served gives its connection up, and the next one gets another to its own host.
fn give_way(world: &mut World, last: RequestId, host: u32, next: RequestId) {
    world.release(last, Return::Reuse);
    world.run();
    connect(world, host);
    take(world, next);
}

#[test]
fn a_connection_that_overtook_max_reuse_streak_times_gives_way() {
    let mut world = world(2, 3);
    let holder = hold(&mut world, 0);
    hold(&mut world, 2);
    let older = world.request(1);
    let ids = requests::<5>(&mut world, 0);
    let last = pass_on(&mut world, holder, &ids[..3]);
    world.release(last, Return::Reuse);
    assert!(waits(&world, ids[3]));
    assert_eq!((world.closing.len(), overtakes(&mut world)), (1, 3));
    world.run();
    assert_eq!(attempts(&world, 1), 1);
    connect(&mut world, 1);
    assert!(world.is_served(older));
    assert_eq!(world.engines[0].totals().evicted, 1);
}

#[test]
fn max_reuse_streak_zero_is_strict_order() {
    let mut world = world(2, 0);
    let holder = hold(&mut world, 0);
    hold(&mut world, 2);
    let before = world.request(0);
    let older = world.request(1);
    let younger = world.request(0);
    pass(&mut world, holder, before);
    world.release(before, Return::Reuse);
    assert!(waits(&world, younger));
    world.run();
    assert_eq!((attempts(&world, 1), attempts(&world, 0)), (1, 0));
    connect(&mut world, 1);
    assert!(world.is_served(older));
}

#[test]
fn a_reuse_streak_ends_once_no_older_request_waits() {
    let mut world = world(2, 2);
    let holder = hold(&mut world, 0);
    hold(&mut world, 2);
    let gone = world.request(1);
    let ids = requests::<3>(&mut world, 0);
    let holder = pass_on(&mut world, holder, &ids[..2]);
    world.cancel(gone);
    let holder = pass_on(&mut world, holder, &ids[2..]);
    world.request(1);
    let ids = requests::<3>(&mut world, 0);
    let last = pass_on(&mut world, holder, &ids[..2]);
    world.release(last, Return::Reuse);
    assert!(waits(&world, ids[2]));
}

#[test]
fn a_reuse_streak_ends_when_an_idle_connection_serves() {
    let mut world = world(2, 2);
    let holder = hold(&mut world, 0);
    hold(&mut world, 2);
    let gone = world.request(1);
    let ids = requests::<2>(&mut world, 0);
    let last = pass_on(&mut world, holder, &ids);
    world.cancel(gone);
    world.release(last, Return::Reuse);
    let holder = hold(&mut world, 0);
    world.request(1);
    let ids = requests::<2>(&mut world, 0);
    pass_on(&mut world, holder, &ids);
}

#[test]
fn a_reuse_streak_goes_on_while_an_older_request_waits() {
    let mut world = world(2, 2);
    let holder = hold(&mut world, 0);
    hold(&mut world, 2);
    world.request(1);
    let second = world.request(3);
    let ids = requests::<2>(&mut world, 0);
    let last = pass_on(&mut world, holder, &ids);
    world.cancel(second);
    let next = world.request(0);
    world.release(last, Return::Reuse);
    assert!(waits(&world, next));
}

#[test]
fn requests_served_at_once_by_a_shared_connection_overtake_too() {
    let mut world = world(2, 3);
    hold(&mut world, 2);
    let first = world.request(0);
    world.connect(0, 10);
    take(&mut world, first);
    let older = world.request(1);
    let ids = requests::<4>(&mut world, 0);
    let served = ids.map(|id| world.is_served(id));
    assert_eq!(served, [true, true, true, false]);
    world.release(first, Return::Reuse);
    for &id in &ids[..3] {
        world.use_and_free(id);
    }
    world.run();
    assert_eq!(attempts(&world, 1), 1);
    assert!(waits(&world, older));
}

#[test]
fn a_new_connection_serves_its_own_host_first() {
    let mut world = world(1, 0);
    let first = world.request(0);
    let older = world.request(1);
    let adopter = world.request(0);
    world.cancel(first);
    connect(&mut world, 0);
    world.use_and_free(adopter);
    world.run();
    connect(&mut world, 1);
    assert!(world.is_served(older));
}

#[test]
fn all_connections_together_overtake_max_reuse_streak_times_max_open() {
    let mut world = world(2, 2);
    let [a, b] = [0, 3].map(|host| hold(&mut world, host));
    let before = world.request(2);
    let older = world.request(1);
    let p = requests::<2>(&mut world, 0);
    let q = requests::<1>(&mut world, 3);
    let r = requests::<3>(&mut world, 2);
    // The first connection overtakes twice, and its replacement twice again.
    let last = pass_on(&mut world, a, &p);
    give_way(&mut world, last, 2, before);
    pass_on(&mut world, before, &r[..2]);
    assert_eq!(overtakes(&mut world), 4);
    // The second connection has not overtaken yet, but the older request has reached the bound.
    // One more waiter does not change that.
    world.request(4);
    world.release(b, Return::Reuse);
    assert!(waits(&world, q[0]), "the bound is for all together");
    world.run();
    connect(&mut world, 1);
    assert!(world.is_served(older));
}

#[test]
fn overtakes_of_a_request_count_from_when_its_host_left_its_limit() {
    let mut world = world(2, 2);
    let [a, d] = [0, 1].map(|host| hold(&mut world, host));
    let [first, second] = [2, 3].map(|host| world.request(host));
    let parked = world.request(1);
    let p = requests::<2>(&mut world, 0);
    let r = requests::<2>(&mut world, 2);
    let s = requests::<3>(&mut world, 3);
    let last = pass_on(&mut world, a, &p);
    give_way(&mut world, last, 2, first);
    pass_on(&mut world, first, &r);
    assert_eq!(overtakes(&mut world), 4);
    // Its host leaves its limit, but the room is for an older request.
    world.release(d, Return::Close);
    world.run();
    connect(&mut world, 3);
    take(&mut world, second);
    let last = pass_on(&mut world, second, &s[..2]);
    world.release(last, Return::Reuse);
    assert!(waits(&world, s[2]));
    world.run();
    connect(&mut world, 1);
    assert!(world.is_served(parked));
}

#[test]
fn overtakes_of_a_request_count_from_when_an_attempt_of_its_host_failed() {
    let mut world = world(2, 2);
    let a = hold(&mut world, 0);
    let d = world.request(1);
    let [first, second] = [2, 3].map(|host| world.request(host));
    let parked = world.request(1);
    let p = requests::<2>(&mut world, 0);
    let r = requests::<2>(&mut world, 2);
    let s = requests::<2>(&mut world, 3);
    let last = pass_on(&mut world, a, &p);
    give_way(&mut world, last, 2, first);
    pass_on(&mut world, first, &r);
    world.fail(crate::attempt(&world, 1));
    assert!(!waits(&world, d));
    connect(&mut world, 3);
    take(&mut world, second);
    pass_on(&mut world, second, &s);
    assert!(waits(&world, parked));
}

#[test]
fn reuse_beside_an_eviction_for_the_older_request_is_no_overtake() {
    let mut world = world(2, 0);
    let holder = hold(&mut world, 0);
    crate::idle(&mut world, 1);
    let older = world.request(2);
    assert_eq!(world.closing.len(), 1, "slow to close");
    let ids = requests::<3>(&mut world, 0);
    pass_on(&mut world, holder, &ids);
    assert_eq!(overtakes(&mut world), 0, "nobody loses by it");
    world.run();
    connect(&mut world, 2);
    assert!(world.is_served(older));
}

#[test]
fn reuse_beside_a_wait_for_max_connecting_is_no_overtake() {
    let mut world = World::new(Settings {
        max_reuse_streak: 0,
        max_connecting: Some(1),
        ..limits(1, 3)
    });
    let holder = hold(&mut world, 0);
    let [_, older] = [1, 2].map(|host| world.request(host));
    let ids = requests::<3>(&mut world, 0);
    pass_on(&mut world, holder, &ids);
    assert_eq!(overtakes(&mut world), 0);
    assert!(waits(&world, older));
}

#[test]
fn overtakes_of_a_withdrawn_request_count_no_longer() {
    let mut world = world(2, 2);
    let mut holder = hold(&mut world, 0);
    hold(&mut world, 2);
    for _ in 0..5 {
        let older = world.request(1);
        let ids = requests::<3>(&mut world, 0);
        holder = pass_on(&mut world, holder, &ids[..2]);
        world.cancel(older);
        holder = pass_on(&mut world, holder, &ids[2..]);
    }
    assert_eq!(overtakes(&mut world), 10);
}

#[test]
fn overtakes_of_a_request_behind_a_claim_of_its_host_count_from_the_start() {
    let mut world = with(limits(2, 3), |it| it.max_reuse_streak = 2);
    let [a, b, d] = [0, 3, 1].map(|host| hold(&mut world, host));
    let [first, second, third, behind] = [2, 4, 1, 1].map(|host| world.request(host));
    let p = requests::<2>(&mut world, 0);
    let q = requests::<2>(&mut world, 3);
    let r = requests::<2>(&mut world, 2);
    let last = pass_on(&mut world, a, &p);
    give_way(&mut world, last, 2, first);
    pass_on(&mut world, first, &r);
    let last = pass_on(&mut world, b, &q);
    give_way(&mut world, last, 4, second);
    assert_eq!(overtakes(&mut world), 6);
    world.release(d, Return::Close);
    world.run();
    connect(&mut world, 1);
    assert!(world.is_served(third));
    // It has waited for room all the time, if only in its host's second place.
    let younger = world.request(4);
    world.release(second, Return::Reuse);
    assert!(waits(&world, younger));
    world.run();
    connect(&mut world, 1);
    assert!(world.is_served(behind));
}

/// Such a connection holds its host up for no time, so the overtakes of the next waiter count on.
#[test]
fn a_connection_that_gives_way_as_it_opens_starts_no_new_count_of_overtakes() {
    let mut world = with(limits(2, 1), |it| it.max_reuse_streak = 1);
    let holder = hold(&mut world, 0);
    let first = world.request(1);
    let other = world.request(2);
    let second = world.request(1);
    let later = world.request(0);
    pass(&mut world, holder, later);
    world.release(later, Return::Reuse);
    world.run();
    world.connect(0, Capacity::provisional(2));
    take(&mut world, first);
    assert!(waits(&world, second));
    give_way(&mut world, first, 2, other);
    let younger = world.request(2);
    world.release(other, Return::Reuse);
    assert!(waits(&world, younger), "L2: the second was overtaken once");
    world.run();
    assert_eq!((attempts(&world, 1), overtakes(&mut world)), (1, 1));
}
