//! The choices that a seed makes before the run begins.

use std::time::Duration;

use keepalive::{IdleOrder, Manager, ManagerBuilder};
use keepalive_testkit::dice::Dice;
use keepalive_testkit::simulated::{Limits, Network};

use crate::storm::Rates;

pub(crate) struct Plan {
    pub(crate) hosts: usize,
    pub(crate) partitioned: usize,
    pub(crate) requests: usize,
    /// The longest pause between two requests.
    pub(crate) pause: usize,
    /// How long users hold a connection at most.
    pub(crate) hold: usize,
    pub(crate) limits: Limits,
    pub(crate) max_queued: Option<usize>,
    pub(crate) keep_alive: Duration,
    pub(crate) timeout: Duration,
    pub(crate) rates: Rates,
    /// How many leases may be leaked.
    pub(crate) leaks: usize,
    pub(crate) ending: Ending,
    max_connecting: Option<usize>,
    max_lifetime: Option<Duration>,
    max_uses: Option<u64>,
    idle_order: IdleOrder,
    max_reuse_streak: u32,
    keep_unneeded_attempts: bool,
}

/// How the run of the manager ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It comes to rest, and then its last handle goes.
    Rest,
    /// It is shut down while it is busy.
    ShutDown,
    /// Its last handle goes while it is busy.
    LastHandle,
    /// Its runtime goes while it is busy, and it is used on another.
    RuntimeLoss,
}

impl Plan {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let some = |dice: &mut Dice, limit| (dice.below(3) == 0).then(|| 1 + dice.below(limit));
        let millis = |choices: &[u64], dice: &mut Dice| {
            Duration::from_millis(choices[dice.below(choices.len())])
        };
        let max_connecting = some(dice, 4);
        let hosts = 1 + dice.below(8);
        Self {
            hosts,
            partitioned: dice.below(hosts + 1),
            requests: 200,
            pause: [2, 6, 20][dice.below(3)],
            hold: [2, 10, 40][dice.below(3)],
            limits: Limits {
                per_host: 1 + dice.below(4),
                total: 1 + dice.below(10),
                connecting: max_connecting.unwrap_or(usize::MAX),
                close_timeout: millis(&[5, 40], dice),
            },
            max_queued: some(dice, 20),
            keep_alive: millis(&[0, 20, 200, 2000], dice),
            timeout: millis(&[30, 300, 3000], dice),
            rates: Rates::new(dice),
            leaks: if dice.below(10) == 0 { 2 } else { 0 },
            ending: [
                Ending::Rest,
                Ending::Rest,
                Ending::Rest,
                Ending::ShutDown,
                Ending::LastHandle,
                Ending::RuntimeLoss,
            ][dice.below(6)],
            max_connecting,
            max_lifetime: some(dice, 400).map(|limit| Duration::from_millis(limit as u64)),
            max_uses: some(dice, 6).map(|uses| uses as u64),
            idle_order: [IdleOrder::Lifo, IdleOrder::Fifo][dice.below(2)],
            max_reuse_streak: [0, 1, 3, 16][dice.below(4)],
            keep_unneeded_attempts: dice.below(4) == 0,
        }
    }

    pub(crate) fn manager(&self, network: &Network) -> Manager<Network> {
        let mut builder = self.limited();
        if let Some(requests) = self.max_queued {
            builder = builder.max_queued(requests);
        }
        if let Some(attempts) = self.max_connecting {
            builder = builder.max_connecting(attempts);
        }
        if let Some(time) = self.max_lifetime {
            // The jitter's seed is the process's own; without jitter a run can be repeated.
            builder = builder.max_lifetime(time).lifetime_jitter(0.0);
        }
        if let Some(leases) = self.max_uses {
            builder = builder.max_uses(leases);
        }
        let manager = builder.connector(network.clone()).build();
        manager.expect("settings that work")
    }

    fn limited(&self) -> ManagerBuilder {
        Manager::builder()
            .max_per_host(self.limits.per_host)
            .max_open(self.limits.total)
            .close_timeout(self.limits.close_timeout)
            .keep_alive(self.keep_alive)
            .timeout(self.timeout)
            .idle_order(self.idle_order)
            .max_reuse_streak(self.max_reuse_streak)
            .keep_unneeded_attempts(self.keep_unneeded_attempts)
    }
}
