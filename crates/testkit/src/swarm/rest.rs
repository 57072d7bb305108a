//! Ends a life: without further faults and requests, everything must end.

use std::time::Duration;

use keepalive_engine::{Answer, Capacity, Return, Room, check_ended, check_settled};

use crate::dice::Dice;
use crate::world::{Fate, World};

/// More rounds than any life needs to end.
const ROUNDS: usize = 10_000;

pub(super) fn rest(world: &mut World, dice: &mut Dice) {
    match dice.below(4) {
        0 | 1 => {
            world.hit("the manager is shut down");
            world.shut_down();
            for host in 0..3 {
                let late = world.request(host);
                let answer = world.answer(late);
                assert_eq!(answer, Some(Answer::ShutDown), "I8: nothing starts after");
            }
            world.run();
        }
        2 => wait_for_deadlines(world),
        _ => {}
    }
    finish(world);
    world.wait(Duration::from_secs(10));
    world.run();
    assert_eq!(world.open(), 0, "I11: every connection is closed");
    assert!(
        world.ledger.is_empty(),
        "I11: {} are left",
        world.ledger.len()
    );
    assert_eq!(world.room.budget().connecting(), 0);
    assert_eq!(world.room.budget().closing(), 0);
    for engine in &world.engines {
        check_ended(engine);
        assert_eq!(engine.poll_timeout().map(|(_, due)| due), None);
    }
}

/// All users and peers are silent: everything with a deadline ends at its deadline.
fn wait_for_deadlines(world: &mut World) {
    for round in 0.. {
        assert!(round < ROUNDS, "I9: something is due for ever");
        if !world.wait_until_due() {
            break;
        }
        world.run();
    }
    let waiting = world.fates.values().any(|(_, fate)| *fate == Fate::Waiting);
    assert!(
        !waiting || world.timeout == Duration::MAX,
        "I9: who waits has a deadline"
    );
}

/// Peers announce their capacities, attempts succeed, answers are taken, and connections come back.
fn finish(world: &mut World) {
    for round in 0.. {
        assert!(round < ROUNDS, "I11: it never ends");
        world.run();
        check_settled(&world.engines, &mut world.room);
        for (shard, id) in world.ledger.open() {
            if world.ledger.is_provisional(shard, id) {
                world.set_capacity(shard, id, Capacity::Shared(1));
            }
        }
        while !world.attempts.is_empty() {
            world.connect(0, 1);
            world.run();
        }
        let next = world.fates.iter().find_map(|(&id, (_, fate))| match fate {
            Fate::Answered(_) => Some((id, false)),
            Fate::Held(_) => Some((id, true)),
            Fate::Waiting => None,
        });
        match next {
            Some((id, true)) => world.release(id, Return::Reuse),
            Some((id, false)) => {
                world.take(id).expect("answered");
            }
            None => break,
        }
    }
    let left = &world.fates;
    assert!(left.is_empty(), "I11: everybody is answered: {left:?}");
}
