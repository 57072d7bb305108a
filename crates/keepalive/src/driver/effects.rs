//! What is left to do once a shard's lock is released.

use std::collections::VecDeque;
use std::task::Waker;

use keepalive_engine::{ConnectionId, Message, ShardId, planted};
use smallvec::SmallVec;

use crate::connect::Connector;
use crate::contain::contain;
use crate::driver::live::Live;
use crate::driver::shard::Letter;
use crate::driver::{Driver, task};
use crate::host::Host;
use crate::runtime::AbortHandle;
use crate::sync::Arc;

/// One thing to do outside all locks.
pub(crate) enum Effect<C: Connector> {
    Wake(Waker),
    Post(Box<dyn Letter>),
    Connect(ShardId, ConnectionId, Host),
    Close(ShardId, ConnectionId, Option<Box<Live<C>>>),
    Stop(AbortHandle),
    Tell(ShardId, Message),
    Ring,
}

/// The effects of one input: mostly none, sometimes one or two.
pub(crate) type Effects<C> = SmallVec<[Effect<C>; 2]>;

/// Does what an input leaves to do, and what follows from that, until nothing is left.
///
/// It is one loop, however much follows: nothing here calls itself. A waker or a context that
/// panics does not keep the rest from being done, here or in the caller.
pub(crate) fn run<C: Connector>(driver: &Arc<Driver<C>>, effects: &mut Effects<C>) {
    let mut following = VecDeque::new();
    for effect in effects.drain(..) {
        following.extend(carry_out(driver, effect));
    }
    while let Some(effect) = following.pop_front() {
        following.extend(carry_out(driver, effect));
    }
}

/// Does one thing, and answers what follows from it.
fn carry_out<C: Connector>(driver: &Arc<Driver<C>>, effect: Effect<C>) -> Effects<C> {
    let mut effects = Effects::new();
    match effect {
        Effect::Wake(waker) => {
            contain(|| waker.wake());
        }
        Effect::Post(letter) => {
            if let Some(id) = contain(|| letter.post()).flatten() {
                let leftover =
                    driver.collect(id.shard(), &mut effects, &mut None, |shard, now, room| {
                        shard.forget(id, now, room)
                    });
                contain(|| drop(leftover));
            }
        }
        Effect::Stop(handle) => handle.abort(),
        Effect::Ring => driver.signals.ring(),
        Effect::Connect(shard, id, host) => {
            if !task::connect(driver, shard, id, host) {
                driver.collect(shard, &mut effects, &mut None, |shard, now, room| {
                    shard.engine.failed(now, room, id);
                });
            }
        }
        Effect::Close(shard, id, live) => {
            if task::close(driver, shard, id, live) {
                driver.collect(shard, &mut effects, &mut None, |shard, now, room| {
                    shard.engine.closed(now, room, id);
                });
            }
        }
        Effect::Tell(..) if planted!(MessageLost) => {}
        Effect::Tell(to, message) => {
            driver.collect(to, &mut effects, &mut None, |shard, now, room| {
                shard.engine.told(now, room, message);
            });
        }
    }
    effects
}
