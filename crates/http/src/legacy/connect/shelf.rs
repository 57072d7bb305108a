//! The limit on idle connections of a host, for hyper-util's setting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use keepalive::Host;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::lock::lock;

/// Counts idle connections by host.
#[derive(Clone)]
pub(crate) struct Shelf {
    limit: usize,
    hosts: Arc<Mutex<HashMap<Host, Weak<Semaphore>>>>,
}

impl Shelf {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.min(Semaphore::MAX_PERMITS),
            hosts: Arc::default(),
        }
    }

    /// A place for a new connection to `host`, not taken yet.
    pub(crate) fn place(&self, host: &Host) -> Place {
        let mut hosts = lock(&self.hosts);
        let known = hosts.get(host).and_then(Weak::upgrade);
        let free = known.unwrap_or_else(|| {
            // Each new host removes the hosts without connections, so the map stays small.
            hosts.retain(|_, free| free.strong_count() > 0);
            let free = Arc::new(Semaphore::new(self.limit));
            hosts.insert(host.clone(), Arc::downgrade(&free));
            free
        });
        Place {
            free,
            taken: Mutex::default(),
        }
    }
}

/// One connection's place among the idle ones of its host.
pub(crate) struct Place {
    free: Arc<Semaphore>,
    taken: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Place {
    /// Takes the place, if there is room.
    pub(crate) fn take(&self) -> bool {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok();
        let has_room = permit.is_some();
        *lock(&self.taken) = permit;
        has_room
    }

    pub(crate) fn leave(&self) {
        *lock(&self.taken) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        keepalive::Request::new("http", name, 80)
            .unwrap()
            .host()
            .clone()
    }

    #[test]
    fn a_host_has_a_bounded_number_of_places() {
        let shelf = Shelf::new(1);
        let (one, two) = (shelf.place(&host("a.test")), shelf.place(&host("a.test")));
        assert!(one.take() && !two.take());
        assert!(
            shelf.place(&host("b.test")).take(),
            "another host has its own"
        );
        one.leave();
        one.leave();
        assert!(two.take() && !one.take());
        drop(two);
        assert!(one.take());
    }

    #[test]
    fn a_host_without_connections_is_forgotten() {
        let shelf = Shelf::new(1);
        drop(shelf.place(&host("a.test")));
        let _place = shelf.place(&host("b.test"));
        assert_eq!(shelf.hosts.lock().unwrap().len(), 1);
    }
}
