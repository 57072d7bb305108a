//! Decides which connection to a host carries requests before the peer's stream limit is known.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use keepalive::Host;

use crate::lock::lock;

/// The hosts with such a connection. Further connections, opened before the first proved shareable,
/// may turn out useless, so no request waits on them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ventures(Arc<Mutex<HashSet<Host>>>);

impl Ventures {
    /// Takes the right to do so, unless another connection to this host has it.
    pub(crate) fn take(&self, host: &Host) -> Option<Venture> {
        let first = lock(&self.0).insert(host.clone());
        first.then(|| Venture {
            ventures: self.clone(),
            host: host.clone(),
        })
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
        lock(&self.ventures.0).remove(&self.host);
    }
}
