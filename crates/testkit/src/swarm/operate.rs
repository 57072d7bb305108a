//! One random input.

use std::time::Duration;

use keepalive_engine::{Answer, Capacity, FromCache, Leased, Phase, RequestId, Return};

use crate::dice::Dice;
use crate::world::{Fate, World};

/// The weight of each kind of input in one life, and the kind of its world.
pub(super) struct Mix {
    pub(super) multiplexed: bool,
    /// Closings and messages end at once.
    pub(super) prompt: bool,
    hosts: usize,
    weights: [usize; KINDS.len()],
    sum: usize,
}

type Kind = fn(&mut World, &mut Dice, &Mix);

const KINDS: [Kind; 12] = [
    ask,
    ask,
    take,
    give_back,
    end_attempt,
    withdraw,
    pass_time,
    end_closing,
    change_capacity,
    close_from_afar,
    disturb,
    end_runtime,
];

impl Mix {
    /// Leaves some kinds of input out, so that others, rare beside them, become frequent.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let mut weights = [0; KINDS.len()];
        for (kind, weight) in weights.iter_mut().enumerate() {
            let off = kind > 0 && dice.below(8) == 0;
            *weight = if off { 0 } else { 4 + dice.below(28) };
        }
        // A world that often ends would see little else.
        weights[KINDS.len() - 1] = weights[KINDS.len() - 1].min(1);
        Self {
            multiplexed: dice.below(3) == 0,
            prompt: dice.below(2) == 0,
            hosts: 1 + dice.below(6),
            sum: weights.iter().sum(),
            weights,
        }
    }
}

pub(super) fn operate(world: &mut World, dice: &mut Dice, mix: &Mix) {
    let mut pick = dice.below(mix.sum);
    for (kind, &weight) in KINDS.iter().zip(&mix.weights) {
        if pick < weight {
            return kind(world, dice, mix);
        }
        pick -= weight;
    }
}

fn ask(world: &mut World, dice: &mut Dice, mix: &Mix) {
    let host = dice.below(mix.hosts) as u32;
    let limit = |dice: &mut Dice| {
        (dice.below(4) == 0).then(|| Duration::from_millis(dice.below(100) as u64))
    };
    let (timeout, queue_timeout) = (limit(dice), limit(dice));
    if dice.below(3) == 0
        && let Some(leased) = world.lease(host, timeout)
    {
        return world.hit(match leased {
            Leased::Held(..) => "answered on the short way",
            Leased::Waits(_) => "asked and waits in one",
        });
    }
    let id = world.ask(host, timeout, queue_timeout);
    regret(world, dice, id);
}

/// Perhaps withdraws a request that has just been served.
fn regret(world: &mut World, dice: &mut Dice, id: RequestId) {
    if world.is_served(id) && dice.below(16) == 0 {
        world.hit("a request is withdrawn in the tick of its answer");
        assert!(world.cancel(id), "T3: an answer not taken can be withdrawn");
    }
}

fn take(world: &mut World, dice: &mut Dice, _: &Mix) {
    if let Some(id) = pick(world, dice, |fate| matches!(fate, Fate::Answered(_))) {
        let taken = world.take(id).expect("answered");
        if taken.connection.is_some() {
            world.hit(match taken.from_cache {
                Some(FromCache::Immediate) => "served from the cache at once",
                Some(FromCache::Deferred) => "served from the cache after waiting",
                None => "served by a new connection",
            });
        }
    }
}

fn give_back(world: &mut World, dice: &mut Dice, mix: &Mix) {
    let Some(id) = pick(world, dice, |fate| matches!(fate, Fate::Held(_))) else {
        return;
    };
    let how = match dice.below(8) {
        0 => Return::Close,
        1 if !mix.multiplexed => Return::Closed,
        _ => Return::Reuse,
    };
    world.hit(match how {
        Return::Reuse => "a lease ends: reuse",
        Return::Close => "a lease ends: close",
        Return::Closed => "a lease ends: closed",
    });
    let before = world.served.len();
    world.release(id, how);
    if let Some(&(next, _)) = world.served.get(before) {
        regret(world, dice, next);
    }
}

fn end_attempt(world: &mut World, dice: &mut Dice, mix: &Mix) {
    if world.attempts.is_empty() {
        return;
    }
    let index = dice.below(world.attempts.len());
    match dice.below(6) {
        0 => {
            world.hit("an attempt fails");
            world.fail(index);
        }
        1 | 2 => {
            world.hit("an attempt moves on");
            let phase = [Phase::Resolve, Phase::Connect, Phase::Proxy, Phase::Tls][dice.below(4)];
            world.progress(index, phase);
        }
        _ => {
            let capacity = match dice.below(4) {
                _ if !mix.multiplexed => Capacity::One,
                0 => Capacity::One,
                1 => Capacity::shared(dice.below(4)),
                _ => Capacity::provisional(dice.below(3)),
            };
            world.hit(match capacity {
                Capacity::One => "a connection opens for one at a time",
                Capacity::Shared(0) => "a connection opens that takes none at present",
                Capacity::Shared(_) => "a connection opens with room for several",
                Capacity::Provisional(_) => "a connection opens and has yet to say for how many",
            });
            world.connect(index, capacity);
        }
    }
}

fn withdraw(world: &mut World, dice: &mut Dice, _: &Mix) {
    let Some(id) = pick(world, dice, |_| true) else {
        return;
    };
    if let Fate::Held(_) = world.fates[&id].1 {
        if dice.below(4) == 0 {
            world.hit("a connection that was taken has ended before");
            world.reject(id);
        }
        return;
    }
    let answer = world.answer(id);
    if world.is_served(id) && dice.below(4) == 0 {
        world.hit("a connection goes before its answer is taken");
        world.reject(id);
    } else if dice.below(2) == 0 {
        world.hit("a request is forgotten");
        world.forget(id);
    } else {
        world.hit(match answer {
            None => "a request is withdrawn while it waits",
            Some(_) => "a request is withdrawn after its answer",
        });
        let refused = answer.is_some_and(|answer| !matches!(answer, Answer::Connection(_)));
        assert_eq!(
            world.cancel(id),
            !refused,
            "what is refused can not be withdrawn"
        );
    }
}

fn pass_time(world: &mut World, dice: &mut Dice, _: &Mix) {
    if dice.below(4) == 0 {
        if world.wait_until_due() {
            let event = "time passes to the instant when something is due";
            world.hit(event);
        }
    } else {
        world.wait(Duration::from_millis(dice.below(60) as u64));
    }
}

fn end_closing(world: &mut World, dice: &mut Dice, _: &Mix) {
    if world.closing.is_empty() || dice.below(3) == 0 {
        world.deliver_message();
        return;
    }
    let index = dice.below(world.closing.len());
    match dice.below(16) {
        0 => {
            if world.connect_late(index) {
                world.hit("a withdrawn attempt opens all the same");
            }
        }
        1 => {
            if world.fail_late(index) {
                world.hit("a withdrawn attempt fails all the same");
            }
        }
        _ => world.finish_close(index),
    }
}

fn change_capacity(world: &mut World, dice: &mut Dice, mix: &Mix) {
    let open = world.ledger.open();
    if open.is_empty() {
        return;
    }
    let (shard, connection) = open[dice.below(open.len())];
    let capacity = match dice.below(6) {
        _ if !mix.multiplexed => Capacity::One,
        0 => Capacity::provisional(dice.below(3)),
        _ => Capacity::shared(dice.below(5)),
    };
    world.hit(match capacity {
        Capacity::Shared(0) => "a connection takes none at present",
        Capacity::Provisional(_) => "a capacity is to be told anew",
        _ => "a capacity changes",
    });
    world.set_capacity(shard, connection, capacity);
}

fn close_from_afar(world: &mut World, dice: &mut Dice, _: &Mix) {
    if let Some(id) = pick(world, dice, |fate| matches!(fate, Fate::Held(_)))
        && let Fate::Held(connection) = world.fates[&id].1
    {
        let shard = usize::from(id.shard().0);
        // The lease may end first, so that the connection is idle when the peer closes it.
        if dice.below(2) == 0 {
            world.release(id, Return::Reuse);
        }
        world.hit(match world.engines[shard].is_idle(connection) {
            true => "the peer closes an idle connection",
            false => "the peer closes a leased connection",
        });
        world.peer_closes(shard, connection);
    }
}

/// Inputs that should not happen: late reports about things that have gone, and a clock that goes
/// back.
fn disturb(world: &mut World, dice: &mut Dice, mix: &Mix) {
    if dice.below(2) == 0 {
        if world.report_late(dice.below(4), dice.below(64)) {
            world.hit("a report comes about a connection long gone");
        }
    } else {
        world.hit("the clock goes back");
        let before = world.now;
        let back = Duration::from_millis(dice.below(50) as u64);
        world.now = world.start + (before - world.start).saturating_sub(back);
        match dice.below(3) {
            0 => ask(world, dice, mix),
            1 => give_back(world, dice, mix),
            _ => end_attempt(world, dice, mix),
        }
        world.now = before;
    }
}

fn end_runtime(world: &mut World, _: &mut Dice, _: &Mix) {
    world.hit("the runtime goes");
    world.abandon();
}

fn pick(world: &World, dice: &mut Dice, wanted: fn(&Fate) -> bool) -> Option<RequestId> {
    let fates = world.fates.iter().filter(|(_, (_, fate))| wanted(fate));
    let count = fates.clone().count();
    let chosen = (count > 0).then(|| dice.below(count))?;
    fates.map(|(&id, _)| id).nth(chosen)
}
