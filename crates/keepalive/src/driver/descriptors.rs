//! Attempts that have no file descriptor: they try again until their time is over.
//!
//! Nobody says when the process, or the system, has one again, so an attempt has to look. It looks
//! less and less often, at times that chance spreads, or all would look at once. Each time before it
//! looks, the connection that is idle longest makes way.

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

    /// The next pause: half of the longest that it may be, or more.
    pub(crate) async fn pause(&mut self, id: ConnectionId) {
        // The same in every run of a simulation; attempts differ in it, which is what it is for.
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
    /// Stops an attempt of this manager that nobody waits for, or closes the connection that has been
    /// idle longest, so that its descriptor is free.
    pub(crate) fn free_a_descriptor(self: &Arc<Self>) {
        let mut room = self.common.room();
        let shard = room.budget().orphans().or_else(|| room.idle_longest());
        drop(room);
        if let Some(shard) = shard {
            self.input(shard, |shard, now, room| {
                shard.engine.evict_longest_idle(now, room);
            });
        }
    }
}

/// Of the attempts of a shard, the last that wanted a descriptor: the system's error.
#[derive(Default)]
pub(crate) struct Wanted(Option<ConnectError>);

impl Wanted {
    /// Answers the error that it replaces.
    pub(crate) fn note(&mut self, error: ConnectError) -> Option<ConnectError> {
        self.0.replace(error)
    }

    pub(crate) fn error(&self) -> Option<ConnectError> {
        self.0.clone()
    }
}
