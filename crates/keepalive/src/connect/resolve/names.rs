//! The table of names: what was answered lately, and what is being looked up.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};

use crate::connect::ConnectError;
use crate::connect::observe::Origin;
use crate::connect::resolve::cache::{Cache, Forgotten};
use crate::connect::resolve::lookup::{Lookup, Running};
use crate::connect::resolve::residents::Residents;
use crate::connect::resolve::{Addresses, AnyResolve, Families, ResolveError};
use crate::runtime::{self, Handle};
use crate::sync::{Arc, Mutex, MutexGuard};

/// Names that are remembered at least, and half of those that are at most.
pub(super) const HALF: usize = 512;

/// No answer is trusted for longer, whatever its TTL: names move.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// How long it is remembered that a name has no address: a name that is asked for before it is
/// there should not be missed for long.
const NEGATIVE: Duration = Duration::from_secs(2);

/// What a lookup comes to. Cloning is cheap.
pub(crate) type Answer = Result<Found, ConnectError>;

/// Where the answer of a lookup will be.
pub(crate) type Waits = watch::Receiver<Option<Answer>>;

/// The other end of that, which also knows whether anybody waits.
pub(crate) type Awaited = Arc<watch::Sender<Option<Answer>>>;

/// The addresses that were found: at least one, at most 64, no two alike, those to try first in
/// front.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    addresses: Arc<[IpAddr]>,
    /// Whether these are all.
    whole: bool,
}

impl Found {
    /// Those of `addresses` that were asked for.
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

/// The names that one kind of question is asked about: all addresses, or those of one family.
pub(crate) struct Names {
    pub(super) families: Families,
    pub(super) source: Arc<dyn AnyResolve>,
    /// One for each lookup at once, shared by all tables of a resolver.
    pub(super) permits: Arc<Semaphore>,
    /// How long an answer without a TTL is kept.
    pub(super) keep: Duration,
    pub(super) residents: Arc<Residents>,
    pub(super) table: Mutex<Table>,
}

pub(super) struct Table {
    cache: Cache<Known>,
    running: HashMap<Box<str>, Sought>,
}

/// A lookup that is being run.
struct Sought {
    awaited: Awaited,
    /// By which those are told who are within its runtime: others do not wait for that.
    mark: u64,
}

/// An answer, and until when it is good; for ever without an end.
struct Known {
    answer: Answer,
    until: Option<Instant>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            cache: Cache::new(HALF),
            running: HashMap::new(),
        }
    }
}

impl Table {
    /// A lookup is over. Another of the same name may have begun within another runtime.
    fn forget(&mut self, name: &str, awaited: &Awaited) {
        let sought = self.running.get(name);
        if sought.is_some_and(|sought| Arc::ptr_eq(&sought.awaited, awaited)) {
            self.running.remove(name);
        }
    }
}

impl Names {
    /// Looks a name up, unless it is known or somebody does so already.
    pub(crate) fn lookup(self: &Arc<Self>, name: &str) -> Lookup {
        let (lookup, begun) = self.ask(name);
        if let Some(running) = begun {
            running.start();
        }
        lookup
    }

    /// What is to be waited for, and what is to be run for that, if nobody does so yet.
    pub(crate) fn ask(self: &Arc<Self>, name: &str) -> (Lookup, Option<Running>) {
        let now = runtime::now();
        let mut table = self.table.lock();
        if let Some(known) = table.cache.get(name)
            && known.until.is_none_or(|until| now < until)
        {
            let answer = known.answer.clone();
            return (Lookup::known(self.families, Origin::Kept, answer), None);
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
        let running = Running::new(Arc::clone(self), name, awaited);
        (Lookup::waits(self.families, waits, name), Some(running))
    }

    /// What was found last, though it may be too old to be answered.
    pub(crate) fn last_found(&self, name: &str) -> Option<Found> {
        let table = self.table.lock();
        let known = table.cache.get(name)?;
        known.answer.as_ref().ok().cloned()
    }

    /// A lookup has come to this; answers what those who wait are told.
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
        let forgotten = keep.map(|keep| self.keep(&mut table, name, &answer, keep));
        drop(table);
        // What a resolver's error holds is dropped without the lock.
        drop(forgotten);
        if let Ok(found) = &answer {
            self.residents.retire(name, self.families, found);
        }
        answer
    }

    fn keep(
        &self,
        table: &mut MutexGuard<'_, Table>,
        name: &str,
        answer: &Answer,
        keep: Duration,
    ) -> Forgotten<Known> {
        let keep = if self.keep.is_zero() { self.keep } else { keep };
        let known = Known {
            answer: answer.clone(),
            until: runtime::now().checked_add(keep),
        };
        table.cache.insert(name.into(), known)
    }

    /// A lookup that nobody waits for gives up. False if somebody has come meanwhile.
    pub(super) fn give_up(&self, name: &str, awaited: &Awaited) -> bool {
        let mut table = self.table.lock();
        let unwanted = awaited.is_closed();
        if unwanted {
            table.forget(name, awaited);
        }
        unwanted
    }

    /// A lookup was broken off.
    pub(super) fn forget(&self, name: &str, awaited: &Awaited) {
        self.table.lock().forget(name, awaited);
    }

    pub(crate) fn running(&self) -> usize {
        self.table.lock().running.len()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names")
            .field("families", &self.families)
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}
