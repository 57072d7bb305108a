//! Decides which connection to a host carries requests before the peer's stream limit is known.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keepalive::Host;

/// The hosts with such a connection. Further connections, opened before the first proved shareable,
/// may turn out useless, so no request waits on them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ventures(Arc<Mutex<HashSet<Host>>>);

impl Ventures {
    /// Takes the right to do so, unless another connection to this host has it.
    pub(crate) fn take(&self, host: &Host) -> Option<Venture> {
        let first = self.lock().insert(host.clone());
        first.then(|| Venture {
            ventures: self.clone(),
            host: host.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Host>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right of one connection, held until dropped.
#[derive(Debug)]
pub(crate) struct Venture {
    ventures: Ventures,
    host: Host,
}

impl Drop for Venture {
    fn drop(&mut self) {
        self.ventures.lock().remove(&self.host);
    }
}
