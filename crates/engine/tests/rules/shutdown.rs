//! After `shut_down` nothing is kept and nothing starts (C7).

use keepalive_engine::{Answer, Return};

use crate::{connect, hold, idle, limits, take};
use keepalive_testkit::world::World;

#[test]
fn a_lease_freed_after_shutdown_closes() {
    let mut world = World::new(limits(4, 8));
    let id = hold(&mut world, 0);
    world.shut_down();
    assert!(world.closing.is_empty(), "a lease stays usable");
    assert!(!world.engines[0].is_empty());
    world.release(id, Return::Reuse);
    assert_eq!(world.closing.len(), 1);
    world.run();
    assert!(world.engines[0].is_empty());
}

#[test]
fn an_answer_withdrawn_after_shutdown_closes() {
    let mut world = World::new(limits(4, 8));
    let id = world.request(0);
    connect(&mut world, 0);
    world.shut_down();
    assert!(world.cancel(id));
    assert_eq!(world.closing.len(), 1);
}

#[test]
fn an_answer_given_before_shutdown_can_be_taken() {
    let mut world = World::new(limits(4, 8));
    let id = world.request(0);
    connect(&mut world, 0);
    world.shut_down();
    assert!(take(&mut world, id).connection.is_some());
    world.release(id, Return::Reuse);
    assert_eq!(world.closing.len(), 1);
}

#[test]
fn shutdown_closes_idle_connections_and_answers_waiters() {
    let mut world = World::new(limits(1, 2));
    idle(&mut world, 0);
    hold(&mut world, 1);
    let waiting = [1, 1, 2].map(|host| world.request(host));
    world.shut_down();
    for id in waiting {
        assert_eq!(world.answer(id), Some(Answer::ShutDown));
    }
    world.run();
    assert_eq!(world.open(), 1, "the lease alone");
}

#[test]
fn requests_after_shutdown_are_refused() {
    let mut world = World::new(limits(4, 8));
    world.shut_down();
    let id = world.request(0);
    assert_eq!(world.answer(id), Some(Answer::ShutDown));
    assert!(world.attempts.is_empty());
}

#[test]
fn a_connection_rejected_after_shutdown_is_not_replaced() {
    let mut world = World::new(limits(4, 8));
    let id = world.request(0);
    connect(&mut world, 0);
    world.shut_down();
    world.reject(id);
    assert_eq!(world.answer(id), Some(Answer::ShutDown));
    assert!(world.attempts.is_empty());
}

#[test]
fn shutdown_and_abandon_answer_all_among_thousands_of_hosts() {
    for abandon in [false, true] {
        let mut world = World::new(limits(1, 1));
        let id = hold(&mut world, 0);
        for host in 100..5100 {
            world.host(host);
        }
        let waiting: Vec<_> = (1..50).map(|host| world.request(host)).collect();
        let answer = if abandon {
            world.abandon();
            Answer::Abandoned
        } else {
            world.shut_down();
            Answer::ShutDown
        };
        for id in waiting {
            assert_eq!(world.answer(id), Some(answer));
        }
        assert_eq!(world.engines[0].hosts().count(), 4097);
        world.release(id, Return::Close);
        world.run();
        assert_eq!(world.engines[0].hosts().count(), 4096);
    }
}
