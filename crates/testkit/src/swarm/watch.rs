//! Watches from outside: the order in each host, and how often a waiting request is overtaken.

use std::collections::{BTreeMap, VecDeque};

use keepalive_engine::{Reason, RequestId, Settings};

use crate::world::{Fate, World};

#[derive(Default)]
pub(super) struct Watch {
    seen: usize,
    arrived: usize,
    queues: BTreeMap<u32, VecDeque<RequestId>>,
    /// When each request arrived, or arrived again.
    places: BTreeMap<RequestId, usize>,
    overtaken: BTreeMap<RequestId, u64>,
}

impl Watch {
    pub(super) fn look(&mut self, world: &mut World, settings: &Settings, step: usize) {
        for (place, &id) in world.arrivals.iter().enumerate().skip(self.arrived) {
            if let Some(&(host, _)) = world.fates.get(&id) {
                let queue = self.queues.entry(host).or_default();
                queue.retain(|&other| other != id);
                queue.push_back(id);
                self.places.insert(id, place);
            }
        }
        self.arrived = world.arrivals.len();
        let served: Vec<(RequestId, bool)> = world.served[self.seen..].to_vec();
        self.seen = world.served.len();
        let waits =
            |world: &World, id: &RequestId| matches!(world.fates.get(id), Some((_, Fate::Waiting)));
        for (id, first) in served {
            let Some(&(host, _)) = world.fates.get(&id) else {
                continue;
            };
            let queue = self.queues.get_mut(&host).expect("it arrived");
            for &older in queue.iter().take_while(|&&other| other != id) {
                assert!(
                    !waits(world, &older),
                    "step {step}: {id} was served before {older} of the same host"
                );
            }
            // A new connection was opened in the turn of a request of its host. If that request has
            // gone, the one that inherits its attempt overtakes no other.
            if first {
                continue;
            }
            for (&other, count) in &mut self.overtaken {
                if self.places[&other] < self.places[&id] {
                    *count += 1;
                }
            }
        }
        for queue in self.queues.values_mut() {
            queue.retain(|id| waits(world, id));
        }
        let bound = u64::from(settings.max_reuse_streak) * settings.max_open as u64;
        let now = world.now;
        let mut still = BTreeMap::new();
        for id in self.queues.values().flatten() {
            let shard = usize::from(id.shard().0);
            let waiting = world.engines[shard].waiting(now, &mut world.room, *id);
            if let Some(Reason::TotalLimit { .. }) = waiting.map(|waiting| waiting.reason()) {
                still.insert(*id, self.overtaken.get(id).copied().unwrap_or(0));
            }
        }
        self.overtaken = still;
        // Capacity that the older request cannot have may serve others. This is so while
        // connections close slowly, or before shards have exchanged their messages.
        if settings.shards == 1 && world.closing.is_empty() {
            for (id, &count) in &self.overtaken {
                assert!(
                    count <= bound,
                    "step {step}: {id} was overtaken {count} times"
                );
            }
        } else {
            self.overtaken.clear();
        }
    }
}
