//! The one task that a manager always has: it keeps time, and looks at idle connections.

use keepalive_engine::{ConnectionId, ShardId};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::connect::Connector;
use crate::driver::Driver;
use crate::sync::{Arc, Weak};

/// Starts the keeper on `runtime`.
pub(crate) fn start<C: Connector>(driver: &Arc<Driver<C>>, runtime: &Handle) {
    let guard = KeeperGuard(Arc::downgrade(driver));
    let signals = Arc::clone(&driver.signals);
    let keep = async move {
        let guard = guard;
        let mut suspects = Vec::new();
        while let Some(wake_at) = guard.keep(&mut suspects) {
            match wake_at {
                None => signals.rung().await,
                Some(at) => {
                    // Rung or not, what is due is looked up anew.
                    let _ = timeout_at(Instant::from_std(at), signals.rung()).await;
                }
            }
        }
    };
    // Looking at many connections in a row is not a reason to be told to yield: a connection
    // that is not looked at for that would never be looked at again.
    runtime.spawn(tokio::task::coop::unconstrained(keep));
}

/// Notices when the keeper's runtime ends it.
struct KeeperGuard<C: Connector>(Weak<Driver<C>>);

impl<C: Connector> KeeperGuard<C> {
    /// Does what is due. Answers when to wake; `None` in full when the manager has gone.
    fn keep(
        &self,
        suspects: &mut Vec<(ShardId, ConnectionId)>,
    ) -> Option<Option<std::time::Instant>> {
        let driver = self.0.upgrade()?;
        if driver.signals.has_ended() {
            return None;
        }
        driver.signals.take_suspects(suspects);
        for (shard, connection) in suspects.drain(..) {
            driver.look_at(shard, connection);
        }
        if driver.signals.alarm() <= driver.nanos_now() {
            driver.tick_all();
        }
        Some(driver.common.time_of(driver.signals.alarm()))
    }
}

impl<C: Connector> Drop for KeeperGuard<C> {
    fn drop(&mut self) {
        if let Some(driver) = self.0.upgrade()
            && !driver.signals.has_ended()
        {
            driver.runtime_lost();
        }
    }
}
