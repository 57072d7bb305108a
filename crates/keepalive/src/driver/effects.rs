//! What is left to do once a shard's lock is released.

use std::collections::VecDeque;
use std::task::Waker;

use keepalive_engine::{ConnectionId, Message, ShardId, Time};
use smallvec::SmallVec;

use crate::common::CommonRoom;
use crate::connect::{ConnectError, Connector};
use crate::contain::contain;
use crate::driver::live::Live;
use crate::driver::shard::{Letter, Shard, Stop};
use crate::driver::{Driver, task};
use crate::host::Host;
use crate::sync::Arc;

/// One thing to do outside all locks.
pub(crate) enum Effect<C: Connector> {
    Wake(Waker),
    Post(Box<dyn Letter>),
    Connect(ShardId, ConnectionId, Host),
    Close(ShardId, ConnectionId, Option<Box<Live<C>>>),
    Stop(Arc<Stop>),
    Remove(Arc<Stop>),
    Tell(ShardId, Message),
    /// An error that nobody waited for, which may be of users' code.
    Discard(ConnectError),
    Ring,
}

/// The effects of one input: mostly none, sometimes one or two.
pub(crate) type Effects<C> = SmallVec<[Effect<C>; 2]>;

/// Does what an input leaves to do, and what follows from that, until nothing is left.
///
/// It is one loop, however much follows: nothing here calls itself. A waker or a context that
/// panics does not keep the rest from being done, here or in the caller.
pub(crate) fn run<C: Connector>(driver: &Arc<Driver<C>>, effects: &mut Effects<C>) {
    let mut following = Following::new();
    for effect in effects.drain(..) {
        carry_out(driver, effect, &mut following);
    }
    while let Some(effect) = following.pop_front() {
        carry_out(driver, effect, &mut following);
    }
}

type Following<C> = VecDeque<Effect<C>>;

/// Does one thing, and notes what follows from it.
fn carry_out<C: Connector>(
    driver: &Arc<Driver<C>>,
    effect: Effect<C>,
    following: &mut Following<C>,
) {
    match effect {
        Effect::Wake(waker) => {
            contain(|| waker.wake());
        }
        Effect::Post(letter) => {
            if let Some(id) = contain(|| letter.post()).flatten() {
                let leftover = input(driver, id.shard(), following, |shard, now, room| {
                    shard.forget(id, now, room)
                });
                contain(|| drop(leftover));
            }
        }
        Effect::Stop(stop) => stop.abort(),
        // What is dropped may be of users' code.
        Effect::Remove(stop) => drop(contain(|| stop.remove())),
        Effect::Discard(error) => {
            contain(|| drop(error));
        }
        Effect::Ring => driver.signals.ring(),
        Effect::Connect(shard, id, host) => {
            if !task::connect(driver, shard, id, host) {
                input(driver, shard, following, |shard, now, room| {
                    shard.engine.failed(now, room, id);
                });
            }
        }
        Effect::Close(shard, id, live) => {
            if task::close(driver, shard, id, live) {
                input(driver, shard, following, |shard, now, room| {
                    shard.engine.closed(now, room, id);
                });
            }
        }
        Effect::Tell(to, message) => {
            input(driver, to, following, |shard, now, room| {
                shard.engine.told(now, room, message);
            });
        }
    }
}

/// One input to one shard; what it leaves to do follows.
fn input<C: Connector, R>(
    driver: &Arc<Driver<C>>,
    shard: ShardId,
    following: &mut Following<C>,
    input: impl FnOnce(&mut Shard<C>, Time, &mut CommonRoom<'_>) -> R,
) -> R {
    let mut effects = Effects::new();
    let result = driver.collect(shard, &mut effects, input);
    following.extend(effects);
    result
}
