//! The one task that a manager always has: it keeps time, and looks at idle connections.

use std::future::Future;

use keepalive_engine::{ConnectionId, ShardId};

use crate::connect::Connector;
use crate::driver::Driver;
use crate::runtime::{timeout_at, unconstrained, yield_now};
use crate::sync::{Arc, Weak};

/// What the keeper does on the runtime of number `era`.
pub(crate) fn keep<C: Connector>(
    driver: &Arc<Driver<C>>,
    era: u64,
) -> impl Future<Output = ()> + Send + 'static {
    let guard = KeeperGuard {
        driver: Arc::downgrade(driver),
        era,
    };
    let signals = Arc::clone(&driver.signals);
    let keep = async move {
        let guard = guard;
        let mut suspects = Vec::new();
        while let Some(round) = guard.keep(&mut suspects) {
            match round {
                // A connection may wake its watch whenever it is looked at; others have a turn.
                Round::Looked => yield_now().await,
                Round::Sleep(None) => signals.rung().await,
                Round::Sleep(Some(at)) => {
                    // Rung or not, what is due is looked up anew.
                    let _ = timeout_at(at, signals.rung()).await;
                }
            }
        }
    };
    // Looking at many connections in a row is not a reason to be told to yield: a connection
    // that is not looked at for that would never be looked at again.
    unconstrained(keep)
}

/// What comes after a round of the keeper.
enum Round {
    /// Another, soon: there were connections to look at.
    Looked,
    /// Sleep, until then or until rung.
    Sleep(Option<std::time::Instant>),
}

/// Notices when the keeper's runtime ends it.
struct KeeperGuard<C: Connector> {
    driver: Weak<Driver<C>>,
    era: u64,
}

impl<C: Connector> KeeperGuard<C> {
    /// Does what is due. `None` when the manager has gone.
    fn keep(&self, suspects: &mut Vec<(ShardId, ConnectionId)>) -> Option<Round> {
        let driver = self.driver.upgrade()?;
        if driver.signals.has_ended() {
            return None;
        }
        driver.signals.take_suspects(suspects);
        let looked = !suspects.is_empty();
        for (shard, connection) in suspects.drain(..) {
            driver.look_at(shard, connection);
        }
        if let Some(at) = driver.signals.alarm()
            && at <= driver.common.now()
        {
            driver.tick_all();
        }
        Some(if looked {
            Round::Looked
        } else {
            let alarm = driver.signals.alarm();
            Round::Sleep(alarm.map(|at| driver.common.instant_of(at)))
        })
    }
}

impl<C: Connector> Drop for KeeperGuard<C> {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.upgrade()
            && !driver.signals.has_ended()
        {
            driver.runtime_lost(self.era);
        }
    }
}
