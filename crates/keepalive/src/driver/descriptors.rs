//! Attempts without a file descriptor: they try again until their deadline.
//!
//! The system does not report when a descriptor is available again, so an attempt has to try. Its
//! pauses grow, and chance varies them, so that attempts do not all try at once. Before each try,
//! the manager frees one of its own descriptors, if possible.

use std::future::pending;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use keepalive_engine::{ConnectionId, Room};

use crate::connect::{ConnectError, Connector};
use crate::driver::Driver;
use crate::runtime::timeout;
use crate::sync::Arc;

/// The pauses of one attempt.
pub(crate) struct Pauses {
    longest: Duration,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(10);
    const LAST: Duration = Duration::from_secs(1);

    pub(crate) fn new() -> Self {
        Self {
            longest: Self::FIRST,
        }
    }

    /// Waits for the next pause: at least half of the present maximum, which then doubles.
    pub(crate) async fn pause(&mut self, id: ConnectionId) {
        // Equal in every run of a simulation, but different for each attempt.
        let mut hasher = DefaultHasher::new();
        (id, self.longest).hash(&mut hasher);
        let chance = hasher.finish() as u32;
        let half = self.longest / 2;
        let pause = half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX));
        self.longest = (self.longest * 2).min(Self::LAST);
        let _ = timeout(pause, pending::<()>()).await;
    }
}

impl<C: Connector> Driver<C> {
    /// Cancels an attempt of this manager that has no request, or closes the connection that has
    /// been idle longest, so that its descriptor is free.
    pub(crate) fn free_a_descriptor(self: &Arc<Self>) {
        let mut room = self.common.room();
        let shard = room.budget().orphans().or_else(|| room.idle_longest());
        drop(room);
        if let Some(shard) = shard {
            self.with_shard(shard, |shard, now, room| {
                shard.engine.evict_longest_idle(now, room);
            });
        }
    }
}

/// The system's error of the last attempt in a shard that lacked a descriptor.
#[derive(Default)]
pub(crate) struct Wanted(Option<ConnectError>);

impl Wanted {
    /// Returns the error that it replaces.
    pub(crate) fn note(&mut self, error: ConnectError) -> Option<ConnectError> {
        self.0.replace(error)
    }

    pub(crate) fn error(&self) -> Option<ConnectError> {
        self.0.clone()
    }
}
