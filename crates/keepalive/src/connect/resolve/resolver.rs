//! The resolver of a connector and its clones: overrides, the tables of names, and the connections
//! to notify when a name changes.

use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::net::IpAddr;
use std::time::Duration;

use smallvec::{SmallVec, smallvec};
use tokio::sync::Semaphore;

use crate::connect::observe::Origin;
use crate::connect::resolve::address_watch::{AddressWatch, AddressWatches};
use crate::connect::resolve::cache::Cache;
use crate::connect::resolve::lookup::Lookup;
use crate::connect::resolve::names::{Found, HALF, Names};
use crate::connect::resolve::system::SystemResolver;
use crate::connect::resolve::{Addresses, AnyResolve, Families};
use crate::sync::{Arc, Mutex};

/// Resolves names. Concurrent requests for a name share one lookup, and later ones its answer for a
/// while.
pub(crate) struct Resolver {
    pub(crate) settings: Settings,
    /// One table for each kind of lookup.
    pub(crate) tables: SmallVec<[Arc<Names>; 2]>,
    watches: Arc<AddressWatches>,
    /// The address of each name that was last connected to.
    worked: Mutex<Cache<IpAddr, HALF>>,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) source: Arc<dyn AnyResolve>,
    /// Names that are never looked up.
    pub(crate) overrides: HashMap<Box<str>, Addresses>,
    /// How long an answer without a TTL is kept.
    pub(crate) keep: Duration,
    /// Lookups at once.
    pub(crate) at_once: usize,
    /// Whether connections are retired when their name loses their address.
    pub(crate) retires: bool,
    pub(crate) families: Families,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            source: Arc::new(SystemResolver),
            overrides: HashMap::new(),
            keep: Duration::from_secs(30),
            at_once: 16,
            retires: true,
            families: Families::Both,
        }
    }
}

impl Resolver {
    /// A new, empty resolver with changed settings, so that clones of the connector keep this one.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.settings.clone();
        change(&mut settings);
        Self::new(settings)
    }

    fn new(settings: Settings) -> Self {
        let watches = Arc::new(AddressWatches::default());
        let permits = Arc::new(Semaphore::new(settings.at_once));
        let questions: &[_] = match (settings.families, settings.source.asks_separately()) {
            (Families::Both, true) => &[Families::V6, Families::V4],
            (Families::Both, false) => &[Families::Both],
            (Families::V4, _) => &[Families::V4],
            (Families::V6, _) => &[Families::V6],
        };
        let table = |&families| {
            Arc::new(Names {
                families,
                source: Arc::clone(&settings.source),
                permits: Arc::clone(&permits),
                keep: settings.keep,
                watches: Arc::clone(&watches),
                table: Mutex::default(),
            })
        };
        Self {
            tables: questions.iter().map(table).collect(),
            worked: Mutex::default(),
            watches,
            settings,
        }
    }

    /// The lookups that together find the addresses of a name: one, or one per family if the
    /// resolver needs separate lookups. Must be called within a runtime.
    pub(crate) fn lookups(&self, name: &str) -> SmallVec<[Lookup; 2]> {
        if let Some(addresses) = self.settings.overrides.get(name) {
            let families = self.settings.families;
            let answer = Found::new(addresses, families).map_err(|error| error.of(name));
            return smallvec![Lookup::new(families, Origin::Given, ready(answer))];
        }
        self.tables.iter().map(|table| table.lookup(name)).collect()
    }

    /// Records a new connection to this address of a name. `None` if address changes do not concern
    /// it.
    pub(crate) fn watch_address(&self, name: &str, address: IpAddr) -> Option<Box<AddressWatch>> {
        drop(self.worked.lock().insert(name.into(), address));
        if !self.settings.retires || self.settings.overrides.contains_key(name) {
            return None;
        }
        let address_watch = self.watches.watch(name, address);
        // The name may have changed while the connection was being opened. A watch is notified
        // of later changes only.
        let mut tables = self.tables.iter();
        let table = tables.find(|table| table.families.include(&address))?;
        let found = table.last_found(name);
        if let Some(found) = found.filter(|found| found.lacks(&address)) {
            self.watches.retire(name, table.families, &found);
        }
        Some(Box::new(address_watch))
    }

    /// The address of a name that was last connected to.
    pub(crate) fn last_worked(&self, name: &str) -> Option<IpAddr> {
        self.worked.lock().get(name).copied()
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("tables", &self.tables)
            .field("watches", &self.watches)
            .finish_non_exhaustive()
    }
}
