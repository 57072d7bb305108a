//! Notifies open connections when their name loses the address that they go to.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};

use slab::Slab;
use smallvec::SmallVec;

use crate::connect::resolve::Families;
use crate::connect::resolve::names::Found;
use crate::driver::deferred::catch_panic;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, Weak, fence};

/// The places that have connections.
///
/// Its lock is never held together with that of a place.
#[derive(Default)]
pub(crate) struct AddressWatches {
    places: Mutex<HashMap<Box<str>, Places>>,
}

type Places = SmallVec<[(IpAddr, Weak<Place>); 2]>;

/// An address of a name, with at least one connection.
struct Place {
    watches: Arc<AddressWatches>,
    name: Box<str>,
    gone: AtomicBool,
    watchers: Mutex<Slab<Waker>>,
}

/// A connection's registration at an address of a name; it notices when the name loses the address.
pub(crate) struct AddressWatch {
    place: Arc<Place>,
    /// The slot and a copy of the registered waker.
    watcher: Option<(usize, Waker)>,
}

impl AddressWatches {
    /// Registers a connection to this address of a name.
    pub(crate) fn watch(self: &Arc<Self>, name: &str, address: IpAddr) -> AddressWatch {
        let mut all = self.places.lock();
        let known = all.get(name).and_then(|places| {
            let (_, place) = places.iter().find(|(known, _)| *known == address)?;
            place.upgrade()
        });
        let place = known.unwrap_or_else(|| {
            let place = Arc::new(Place {
                watches: Arc::clone(self),
                name: name.into(),
                gone: AtomicBool::new(false),
                watchers: Mutex::new(Slab::new()),
            });
            let places = all.entry(name.into()).or_default();
            places.push((address, Arc::downgrade(&place)));
            place
        });
        AddressWatch {
            place,
            watcher: None,
        }
    }

    /// Notifies the connections to the addresses that a name no longer has.
    pub(crate) fn retire(&self, name: &str, families: Families, found: &Found) {
        let gone: Vec<Arc<Place>> = {
            let mut all = self.places.lock();
            let Some(places) = all.get_mut(name) else {
                return;
            };
            let mut gone = Vec::new();
            places.retain(|(address, place)| {
                let stays = !families.include(address) || !found.lacks(address);
                if !stays {
                    gone.extend(place.upgrade());
                }
                stays
            });
            if places.is_empty() {
                all.remove(name);
            }
            gone
        };
        // The last reference to a place must not be dropped with the lock held.
        gone.iter().for_each(|place| place.retire());
    }

    fn forget_empty(&self, name: &str) {
        let mut all = self.places.lock();
        if let Some(places) = all.get_mut(name) {
            places.retain(|(_, place)| place.strong_count() > 0);
            if places.is_empty() {
                all.remove(name);
            }
        }
    }
}

impl Place {
    fn retire(&self) {
        self.gone.store(true, Ordering::Relaxed);
        // Pairs with the fence in `poll_gone`: either the watcher sees this store, or it is armed
        // before its waker is called.
        fence(Ordering::SeqCst);
        let wakers: Vec<Waker> = {
            let watchers = self.watchers.lock();
            watchers.iter().map(|(_, waker)| waker.clone()).collect()
        };
        for waker in wakers {
            catch_panic(|| waker.wake());
        }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.watches.forget_empty(&self.name);
    }
}

impl AddressWatch {
    /// Ready when the name has lost the address; otherwise the waker is woken at that event.
    ///
    /// A repeated call with the same waker costs a fence and a load.
    #[inline]
    pub(crate) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker();
        if !matches!(&self.watcher, Some((_, known)) if known.will_wake(waker)) {
            self.listen(waker);
        }
        fence(Ordering::SeqCst);
        match self.place.is_gone() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Whether the name has lost the address.
    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        self.place.is_gone()
    }

    #[cold]
    fn listen(&mut self, waker: &Waker) {
        let (noted, own) = (waker.clone(), waker.clone());
        let mut watchers = self.place.watchers.lock();
        let (slot, replaced) = match self.watcher.take() {
            Some((slot, own)) => {
                let replaced = std::mem::replace(&mut watchers[slot], noted);
                (slot, Some((replaced, own)))
            }
            None => (watchers.insert(noted), None),
        };
        drop(watchers);
        self.watcher = Some((slot, own));
        drop(replaced);
    }
}

impl Drop for AddressWatch {
    fn drop(&mut self) {
        if let Some((slot, _)) = self.watcher {
            let waker = self.place.watchers.lock().remove(slot);
            drop(waker);
        }
    }
}

impl fmt::Debug for AddressWatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressWatches")
            .field("names", &self.places.lock().len())
            .finish()
    }
}
