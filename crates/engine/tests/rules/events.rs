//! Events tell the story of requests and connections (W5).

use keepalive_engine::{Decision, EndReason, Phase, Reason, Return, Settings, Time};
use keepalive_testkit::world::World;

use crate::{attempts, connect, hold, idle, limits, ms};

/// The decisions since the last call, without ids.
fn told(world: &mut World) -> Vec<String> {
    let events = std::mem::take(&mut world.events);
    let texts = events.iter().map(|event| format!("{:?}", event.decision));
    let names = texts.map(|text| text.split(' ').next().map(String::from));
    names.flatten().collect()
}

#[test]
fn events_of_a_request_that_waits_tell_each_reason() {
    let mut world = World::new(limits(1, 1));
    world.observe();
    let first = world.request(0);
    world.progress(0, Phase::Connect);
    let reasons = |world: &World| -> Vec<Reason> {
        let waits = world
            .events
            .iter()
            .filter_map(|event| match event.decision {
                Decision::Waits { reason, .. } => Some(reason),
                _ => None,
            });
        waits.collect()
    };
    assert_eq!(reasons(&world), [Reason::Resolving, Reason::Connecting]);
    connect(&mut world, 0);
    world.take(first);
    world.events.clear();

    let (next, other) = (world.request(0), world.request(1));
    let (host, total) = (
        Reason::HostLimit { in_use: 1, max: 1 },
        Reason::TotalLimit { open: 1, max: 1 },
    );
    assert_eq!(reasons(&world), [host, total]);
    world.cancel(next);
    world.release(first, Return::Reuse);
    world.run();
    assert_eq!(attempts(&world, 1), 1, "room was made");
    assert_eq!(reasons(&world), [host, total, Reason::Resolving]);
    world.cancel(other);
}

#[test]
fn events_of_a_connection_tell_its_life_in_order() {
    let mut world = World::new(limits(1, 4));
    world.observe();
    let first = hold(&mut world, 0);
    let story = [
        "Asked",
        "AttemptStarted",
        "Waits",
        "Opened",
        "Assigned",
        "Taken",
    ];
    assert_eq!(told(&mut world), story);
    let next = world.request(0);
    world.wait(ms(5));
    world.release(first, Return::Reuse);
    assert_eq!(told(&mut world), ["Asked", "Waits", "Returned", "Assigned"]);
    world.cancel(next);
    assert_eq!(told(&mut world), ["Unassigned", "Refused"]);
    let settings = Settings::default();
    world.wait(settings.keep_alive);
    world.run();
    let expires = Time::START + ms(5) + settings.keep_alive;
    let last = world.events.last().expect("events");
    assert_eq!(last.at, expires);
    assert_eq!(told(&mut world), ["Retired", "Closing", "Closed"]);
}

#[test]
fn an_eviction_names_the_host_that_it_makes_room_for() {
    let mut world = World::new(limits(1, 2));
    world.observe();
    idle(&mut world, 0);
    idle(&mut world, 1);
    world.events.clear();
    world.request(2);
    world.request(3);
    let hosts = world
        .events
        .iter()
        .filter_map(|event| match event.decision {
            Decision::Retired {
                why: EndReason::MakesRoom { host, .. },
                ..
            } => Some((event.host, host)),
            _ => None,
        });
    let keys = hosts.map(|(closed, host)| {
        let engine = &world.engines[0];
        (engine.key(closed).copied(), engine.key(host).copied())
    });
    let pairs: Vec<_> = keys.collect();
    assert_eq!(pairs, [(Some(0), Some(2)), (Some(1), Some(3))]);
}

#[test]
fn an_engine_that_nobody_observes_keeps_no_event() {
    let mut world = World::new(limits(1, 4));
    idle(&mut world, 0);
    assert_eq!(world.engines[0].poll_event(), None);

    world.engines[0].observe(true);
    assert_eq!(world.lease(0, None), None, "the long way tells it");
    hold(&mut world, 0);
    world.engines[0].observe(false);
    assert_eq!(world.engines[0].poll_event(), None);
    idle(&mut world, 1);
    assert!(world.lease(1, None).is_some(), "the short way again");
}
