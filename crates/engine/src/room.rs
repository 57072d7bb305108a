//! The state that the engines of one manager share.

use crate::budget::Budget;
use crate::config::Config;
use crate::ids::{ShardId, Ticket};
use crate::time::Time;

/// The shared budget of several engines, and the state that each publishes to the others.
///
/// An engine calls it during an input, with its own shard locked. A driver with threads implements
/// the cheap methods with atomics. It takes the budget's lock in [`budget`](Self::budget), and
/// keeps it until the input has ended.
///
/// # Contract
///
/// Two shards must not miss each other when one makes a connection idle while the other enters a
/// claim. So these must be sequentially consistent:
///
/// - [`publish_idle`](Self::publish_idle), followed by [`oldest_claim`](Self::oldest_claim);
/// - a change of the budget, followed by [`idle_longest`](Self::idle_longest).
pub trait Room {
    /// The next place in the order of arrival.
    fn ticket(&mut self) -> Ticket;

    /// The oldest claim for room, in any shard: one atomic read.
    fn oldest_claim(&self) -> Option<Ticket>;

    /// [`Budget::overtakes`], which may be slightly out of date: one atomic read.
    fn overtakes(&self) -> u64;

    /// Publishes since when the longest idle connection of `shard` is idle; `None` if none is.
    fn publish_idle(&mut self, shard: ShardId, since: Option<Time>);

    /// The shard whose published connection is idle longest.
    fn idle_longest(&mut self) -> Option<ShardId>;

    /// Adds a request to the queue of all shards; false if `max` wait there already.
    fn enter_queue(&mut self, max: usize) -> bool;

    /// How many requests are in the queue of all shards.
    fn queued(&self) -> usize;

    /// Removes a request from the queue of all shards.
    fn leave_queue(&mut self);

    /// The budget, for the present input only.
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
    /// Room for the shards of `config`.
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
