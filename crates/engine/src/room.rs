//! What an engine asks of the world it shares with the other shards.

use crate::budget::Budget;
use crate::config::Config;
use crate::ids::{ShardId, Ticket};
use crate::time::Time;

/// The budget of several engines, and what they must know of each other.
///
/// An engine calls it during an input, with its own shard locked. A driver with threads
/// implements the cheap methods with atomics and takes the budget's lock in
/// [`budget`](Self::budget), to keep it until the input has ended.
///
/// # Contract
///
/// Two shards must not miss each other when one makes a connection idle while the other notes a
/// claim: [`publish_idle`](Self::publish_idle) followed by [`oldest_claim`](Self::oldest_claim),
/// and a change of the budget followed by [`idle_longest`](Self::idle_longest), must be
/// sequentially consistent.
pub trait Room {
    /// The next place in the order of arrival.
    fn ticket(&mut self) -> Ticket;

    /// The oldest claim for room, in any shard: one atomic read.
    fn oldest_claim(&self) -> Option<Ticket>;

    /// [`Budget::overtakes`], as it was lately: one atomic read.
    fn overtakes(&self) -> u64;

    /// Says since when the connection of `shard` that is idle longest has been so.
    fn publish_idle(&mut self, shard: ShardId, since: Option<Time>);

    /// The shard whose published connection is idle longest.
    fn idle_longest(&mut self) -> Option<ShardId>;

    /// Counts a request into the queue, in all shards; false if `max` wait already.
    fn enter_queue(&mut self, max: usize) -> bool;

    /// How many requests are counted into the queue, in all shards.
    fn queued(&self) -> usize;

    /// Counts a request out of the queue.
    fn leave_queue(&mut self);

    /// The budget, for this input alone.
    fn budget(&mut self) -> &mut Budget;
}

/// A [`Room`] for engines that all live on one thread, as in a simulation.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub struct LocalRoom {
    pub(crate) budget: Budget,
    pub(crate) idle: Vec<Option<Time>>,
    pub(crate) tickets: u64,
    pub(crate) queued: usize,
}

impl LocalRoom {
    /// Room for as many shards as `config` says.
    pub fn new(config: &Config) -> Self {
        Self {
            budget: Budget::new(config),
            idle: vec![None; usize::from(config.settings().shards)],
            tickets: 0,
            queued: 0,
        }
    }
}

impl Room for LocalRoom {
    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn oldest_claim(&self) -> Option<Ticket> {
        self.budget.oldest_claim()
    }

    fn overtakes(&self) -> u64 {
        self.budget.overtakes()
    }

    fn publish_idle(&mut self, shard: ShardId, since: Option<Time>) {
        self.idle[usize::from(shard.0)] = since;
    }

    fn idle_longest(&mut self) -> Option<ShardId> {
        let idle = self.idle.iter().enumerate();
        let (shard, _) = idle
            .filter_map(|(shard, since)| since.map(|since| (shard, since)))
            .min_by_key(|&(_, since)| since)?;
        Some(ShardId(
            u16::try_from(shard).expect("shards are counted by u16"),
        ))
    }

    fn enter_queue(&mut self, max: usize) -> bool {
        let room = self.queued < max;
        self.queued += usize::from(room);
        room
    }

    fn queued(&self) -> usize {
        self.queued
    }

    fn leave_queue(&mut self) {
        self.queued -= 1;
    }

    fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }
}
