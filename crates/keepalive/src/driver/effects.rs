//! Work to do after a shard's lock is released.

use std::collections::VecDeque;
use std::task::Waker;

use keepalive_engine::{ConnectionId, Message, ShardId, Time};
use smallvec::SmallVec;

use crate::api::host::Host;
use crate::connect::{ConnectError, Connector};
use crate::driver::common::CommonRoom;
use crate::driver::contain::contain;
use crate::driver::live::Live;
use crate::driver::shard::{Letter, Shard, Stop};
use crate::driver::{Driver, task};
use crate::sync::Arc;

/// One piece of work to do without any lock.
pub(crate) enum Effect<C: Connector> {
    Wake(Waker),
    Post(Box<dyn Letter>),
    Connect(ShardId, ConnectionId, Host),
    Close(ShardId, ConnectionId, Option<Box<Live<C>>>),
    Stop(Arc<Stop>),
    Remove(Arc<Stop>),
    Tell(ShardId, Message),
    /// An error that no request took; it may contain user code.
    Discard(ConnectError),
    Ring,
}

/// The effects of one input: mostly none, sometimes one or two.
pub(crate) type Effects<C> = SmallVec<[Effect<C>; 2]>;

/// Carries out the effects of an input, and all effects that follow from them.
///
/// This is a loop without recursion. If a waker or a context panics, the remaining effects and the
/// caller still continue.
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

/// Carries out one effect, and queues the effects that follow from it.
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
        // The dropped future may contain user code.
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

/// Runs one input to one shard, and queues its effects.
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
