//! Which hosts have said that they want HTTP/1.1 (RFC 9113, section 7: HTTP_1_1_REQUIRED).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use keepalive::Host;

/// How many are remembered; with one more, all others are forgotten, and say so again.
const REMEMBERED: usize = 1024;

/// The hosts that are offered HTTP/1.1 alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneOnly(Arc<Mutex<HashSet<Host>>>);

impl OneOnly {
    pub(crate) fn has(&self, host: &Host) -> bool {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.contains(host)
    }

    pub(crate) fn add(&self, host: &Host) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= REMEMBERED {
            hosts.clear();
        }
        hosts.insert(host.clone());
    }
}
