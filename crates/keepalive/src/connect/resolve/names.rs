//! The table of names: recent answers and running lookups.

use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::net::IpAddr;
use std::ops::Deref;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};

use crate::connect::ConnectError;
use crate::connect::observe::Origin;
use crate::connect::resolve::address_watch::AddressWatches;
use crate::connect::resolve::cache::Cache;
use crate::connect::resolve::lookup::{Lookup, Running};
use crate::connect::resolve::{Addresses, AnyResolve, Families, ResolveError};
use crate::runtime::{self, Handle};
use crate::sync::{Arc, Mutex};

/// The minimum number of remembered names, and half of the maximum.
pub(super) const HALF: usize = 512;

/// Maximum age of an answer, whatever its TTL, because names move.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// How long the absence of addresses is kept. It is short, so that a name created shortly after a
/// lookup is soon found.
const NEGATIVE: Duration = Duration::from_secs(2);

/// The result of a lookup. Cloning is cheap.
pub(crate) type Answer = Result<Found, ConnectError>;

/// Receives the answer of a lookup.
pub(crate) type Waits = watch::Receiver<Option<Answer>>;

/// Sends the answer of a lookup, and knows whether a receiver is left.
pub(crate) type Awaited = Arc<watch::Sender<Option<Answer>>>;

/// The addresses that were found: 1 to 64, distinct, in order of preference.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    addresses: Arc<[IpAddr]>,
    /// Whether these are all addresses of the name.
    whole: bool,
}

impl Found {
    /// The addresses of the requested families.
    pub(crate) fn new(addresses: &Addresses, families: Families) -> Result<Self, ResolveError> {
        let asked = addresses.list.iter().filter(|ip| families.include(ip));
        let found = Self {
            addresses: asked.copied().collect(),
            whole: addresses.whole,
        };
        match found.is_empty() {
            true => Err(ResolveError::no_address(families)),
            false => Ok(found),
        }
    }

    /// Whether the name is known not to have this address.
    pub(crate) fn lacks(&self, address: &IpAddr) -> bool {
        self.whole && !self.contains(address)
    }
}

impl Deref for Found {
    type Target = [IpAddr];

    fn deref(&self) -> &[IpAddr] {
        &self.addresses
    }
}

/// The names of one kind of lookup: for all addresses, or for those of one family.
pub(crate) struct Names {
    pub(super) families: Families,
    pub(super) source: Arc<dyn AnyResolve>,
    /// One permit per concurrent lookup, shared by all tables of a resolver.
    pub(super) permits: Arc<Semaphore>,
    /// How long an answer without a TTL is kept.
    pub(super) keep: Duration,
    pub(super) watches: Arc<AddressWatches>,
    pub(super) table: Mutex<Table>,
}

#[derive(Default)]
pub(super) struct Table {
    cache: Cache<Known, HALF>,
    running: HashMap<Box<str>, Sought>,
}

/// A running lookup.
struct Sought {
    awaited: Awaited,
    /// The mark of the lookup's runtime: callers in another runtime do not wait for this lookup.
    mark: u64,
}

/// An answer and the end of its validity; `None` is unlimited.
struct Known {
    answer: Answer,
    until: Option<Instant>,
}

impl Table {
    /// Removes a lookup, if it is there. Another lookup of the same name may have begun in another
    /// runtime.
    pub(super) fn forget(&mut self, name: &str, awaited: &Awaited) {
        let sought = self.running.get(name);
        if sought.is_some_and(|sought| Arc::ptr_eq(&sought.awaited, awaited)) {
            self.running.remove(name);
        }
    }
}

impl Names {
    /// Looks a name up, unless its answer is kept or a lookup is running.
    pub(crate) fn lookup(self: &Arc<Self>, name: &str) -> Lookup {
        let (lookup, begun) = self.ask(name);
        if let Some(running) = begun {
            running.start();
        }
        lookup
    }

    /// The lookup to wait for, and the one to run for it if none is running.
    pub(crate) fn ask(self: &Arc<Self>, name: &str) -> (Lookup, Option<Running>) {
        let now = runtime::now();
        let mut table = self.table.lock();
        if let Some(known) = table.cache.get(name)
            && known.until.is_none_or(|until| now < until)
        {
            let answer = ready(known.answer.clone());
            return (Lookup::new(self.families, Origin::Kept, answer), None);
        }
        if let Some(sought) = table.running.get(name)
            && (sought.mark == runtime::ANYWHERE || runtime::is_within(sought.mark))
        {
            let waits = sought.awaited.subscribe();
            return (Lookup::waits(self.families, waits, name), None);
        }
        let (awaited, waits) = watch::channel(None);
        let awaited = Arc::new(awaited);
        let sought = Sought {
            awaited: Arc::clone(&awaited),
            mark: Handle::try_current().map_or(runtime::ANYWHERE, |here| runtime::mark(&here)),
        };
        table.running.insert(name.into(), sought);
        let running = Running {
            names: Arc::clone(self),
            name: name.into(),
            awaited,
        };
        (Lookup::waits(self.families, waits, name), Some(running))
    }

    /// The addresses found last, even if their validity has ended.
    pub(crate) fn last_found(&self, name: &str) -> Option<Found> {
        let table = self.table.lock();
        let known = table.cache.get(name)?;
        known.answer.as_ref().ok().cloned()
    }

    /// Records the result of a lookup, and returns the answer for its waiters.
    pub(super) fn note(
        &self,
        name: &str,
        awaited: &Awaited,
        result: Result<Addresses, ResolveError>,
    ) -> Answer {
        let valid_for = result.as_ref().ok().and_then(|found| found.valid_for);
        let found = result.and_then(|addresses| Found::new(&addresses, self.families));
        let keep = match &found {
            Ok(_) => Some(valid_for.unwrap_or(self.keep).min(LONGEST.max(self.keep))),
            Err(error) if error.is_not_found() => Some(NEGATIVE),
            Err(_) => None,
        };
        let answer = found.map_err(|error| error.of(name));
        let mut table = self.table.lock();
        table.forget(name, awaited);
        let forgotten = keep.map(|keep| {
            let keep = if self.keep.is_zero() { self.keep } else { keep };
            let answer = answer.clone();
            let until = runtime::now().checked_add(keep);
            table.cache.insert(name.into(), Known { answer, until })
        });
        drop(table);
        // A resolver's error may contain user code, so it is dropped without the lock.
        drop(forgotten);
        if let Ok(found) = &answer {
            self.watches.retire(name, self.families, found);
        }
        answer
    }

    /// Removes a lookup without waiters. False if a waiter has arrived since.
    pub(super) fn give_up(&self, name: &str, awaited: &Awaited) -> bool {
        let mut table = self.table.lock();
        let unwanted = awaited.is_closed();
        if unwanted {
            table.forget(name, awaited);
        }
        unwanted
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names")
            .field("families", &self.families)
            .field("running", &self.table.lock().running.len())
            .finish_non_exhaustive()
    }
}
