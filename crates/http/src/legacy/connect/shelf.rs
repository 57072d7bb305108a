//! The limit on idle connections of a host, for hyper-util's setting.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use keepalive::Host;

/// Counts idle connections by host.
#[derive(Clone)]
pub(crate) struct Shelf {
    limit: usize,
    hosts: Arc<Mutex<HashMap<Host, Weak<AtomicUsize>>>>,
}

impl Shelf {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            hosts: Arc::default(),
        }
    }

    /// A place for a new connection to `host`, not taken yet.
    pub(crate) fn place(&self, host: &Host) -> Place {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.get(host).and_then(Weak::upgrade);
        let idle = known.unwrap_or_else(|| {
            // Each new host removes the hosts without connections, so the map stays small.
            hosts.retain(|_, idle| idle.strong_count() > 0);
            let idle = Arc::default();
            hosts.insert(host.clone(), Arc::downgrade(&idle));
            idle
        });
        Place {
            limit: self.limit,
            idle,
            taken: AtomicBool::new(false),
        }
    }
}

/// One connection's place among the idle ones of its host.
pub(crate) struct Place {
    limit: usize,
    idle: Arc<AtomicUsize>,
    taken: AtomicBool,
}

impl Place {
    /// Takes the place, if there is room.
    pub(crate) fn take(&self) -> bool {
        let more = |idle| (idle < self.limit).then_some(idle + 1);
        let taken = self
            .idle
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        if taken.is_ok() {
            self.taken.store(true, Ordering::Release);
        }
        taken.is_ok()
    }

    pub(crate) fn leave(&self) {
        if self.taken.swap(false, Ordering::AcqRel) {
            self.idle.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
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
