//! Watches from outside how often a waiting request is overtaken.

use keepalive_engine::{Reason, Settings};

use crate::world::World;

/// Checks the bound of overtakes, and counts further those of the requests that wait for room.
pub(super) fn watch(world: &mut World, settings: &Settings, step: usize) {
    let bound = u64::from(settings.max_reuse_streak) * settings.max_open as u64;
    let before = std::mem::take(&mut world.overtaken);
    // Capacity that the older request cannot have may serve others. This is so while connections
    // close slowly, or before shards have exchanged their messages.
    let counts = settings.shards == 1 && world.closing.is_empty();
    for &id in world.waiting.iter().filter(|_| counts) {
        let shard = usize::from(id.shard().0);
        let waiting = world.engines[shard].waiting(world.now, &mut world.room, id);
        if let Some(Reason::TotalLimit { .. }) = waiting.map(|waiting| waiting.reason()) {
            let times = before.get(&id).copied().unwrap_or(0);
            assert!(
                times <= bound,
                "step {step}: {id} was overtaken {times} times"
            );
            world.overtaken.insert(id, times);
        }
    }
}
