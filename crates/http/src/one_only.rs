//! Remembers which hosts require HTTP/1.1 (RFC 9113, section 7: HTTP_1_1_REQUIRED).

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use keepalive::Host;

use crate::lock::lock;

/// How many are remembered. One more clears the set, and the hosts report it again.
const REMEMBERED: usize = 1024;

/// The hosts that are offered only HTTP/1.1.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneOnly(Arc<Mutex<HashSet<Host>>>);

impl OneOnly {
    pub(crate) fn has(&self, host: &Host) -> bool {
        lock(&self.0).contains(host)
    }

    pub(crate) fn add(&self, host: &Host) {
        let mut hosts = lock(&self.0);
        if hosts.len() >= REMEMBERED {
            hosts.clear();
        }
        hosts.insert(host.clone());
    }
}
