//! Maintenance: a manager's permanent task, which enforces deadlines and looks at idle connections.

use std::future::Future;

use keepalive_engine::{ConnectionId, ShardId};

use crate::connect::Connector;
use crate::driver::Driver;
use crate::runtime::{timeout_at, unconstrained, yield_now};
use crate::sync::{Arc, Weak};

/// The maintenance task's future, for the runtime with number `generation`.
pub(crate) fn run<C: Connector>(
    driver: &Arc<Driver<C>>,
    generation: u64,
) -> impl Future<Output = ()> + Send + 'static {
    let guard = Guard {
        driver: Arc::downgrade(driver),
        generation,
    };
    let wakeups = Arc::clone(&driver.wakeups);
    let rounds = async move {
        let guard = guard;
        let mut suspects = Vec::new();
        while let Some(round) = guard.round(&mut suspects) {
            match round {
                // A connection may wake its watch at every look, so other tasks get a turn.
                Round::Looked => yield_now().await,
                Round::Sleep(None) => wakeups.rung().await,
                Round::Sleep(Some(at)) => {
                    // Rung or not, the next round determines the due work.
                    let _ = timeout_at(at, wakeups.rung()).await;
                }
            }
        }
    };
    // The cooperative budget must not apply: a connection that is skipped for it would never be
    // looked at again.
    unconstrained(rounds)
}

/// The step after a round of the maintenance task.
enum Round {
    /// Another round soon, because there were connections to look at.
    Looked,
    /// Sleep until this time, or until rung.
    Sleep(Option<std::time::Instant>),
}

/// Detects that the runtime has ended the maintenance task.
struct Guard<C: Connector> {
    driver: Weak<Driver<C>>,
    generation: u64,
}

impl<C: Connector> Guard<C> {
    /// Does the due work. `None` when the manager is gone.
    fn round(&self, suspects: &mut Vec<(ShardId, ConnectionId)>) -> Option<Round> {
        let driver = self.driver.upgrade()?;
        if driver.wakeups.has_ended() {
            return None;
        }
        driver.wakeups.take_suspects(suspects);
        let looked = !suspects.is_empty();
        for (shard, connection) in suspects.drain(..) {
            driver.look_at(shard, connection);
        }
        if let Some(at) = driver.wakeups.alarm()
            && at <= driver.common.now()
        {
            driver.tick_all();
        }
        Some(if looked {
            Round::Looked
        } else {
            let alarm = driver.wakeups.alarm();
            Round::Sleep(alarm.map(|at| driver.common.instant_of(at)))
        })
    }
}

impl<C: Connector> Drop for Guard<C> {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.upgrade()
            && !driver.wakeups.has_ended()
        {
            driver.runtime_lost(self.generation);
        }
    }
}
