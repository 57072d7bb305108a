//! Which connection to a host carries a request before its peer has said how many it allows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keepalive::Host;

/// Hosts of which a connection does. Others that are opened beside it, because it was not known
/// that they can be shared, may turn out to be of no use, so nobody waits on them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ventures(Arc<Mutex<HashSet<Host>>>);

impl Ventures {
    /// The right to do so, if no other connection to this host has it.
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

/// The right of one connection, until it is dropped.
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
