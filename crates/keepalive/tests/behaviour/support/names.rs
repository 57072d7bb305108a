//! A resolver whose answers a test sets.

use std::sync::{Arc, Mutex};

use keepalive::{Addresses, Families, Manager, NetConnector, Resolve, ResolveError};
use tokio::sync::Semaphore;

use super::Gauge;

type Result = std::result::Result<Addresses, ResolveError>;
type Answer = Arc<dyn Fn(&str, Families) -> Result + Send + Sync>;

/// Answers as soon as its gate lets a lookup pass. Clones share their state.
#[derive(Clone)]
pub(crate) struct Names {
    /// Lookups under way.
    pub(crate) lookups: Gauge,
    asked: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<Answer>>,
    gate: Arc<Semaphore>,
    separate: bool,
    stops: bool,
}

/// An answer of these addresses.
pub(crate) fn found(addresses: &[&str]) -> Result {
    let parsed = addresses.iter().map(|ip| ip.parse().expect("an address"));
    Ok(parsed.collect())
}

impl Names {
    /// Answers every name like this, at once.
    pub(crate) fn new(answer: impl Fn(&str, Families) -> Result + Send + Sync + 'static) -> Self {
        Self {
            lookups: Gauge::default(),
            asked: Arc::default(),
            answer: Arc::new(Mutex::new(Arc::new(answer))),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            separate: false,
            stops: true,
        }
    }

    /// Every name has these addresses.
    pub(crate) fn at(addresses: &'static [&'static str]) -> Self {
        Self::new(|_, _| found(addresses))
    }

    /// Lets no lookup pass yet.
    pub(crate) fn closed(mut self) -> Self {
        self.gate = Arc::new(Semaphore::new(0));
        self
    }

    /// Looks IPv4 and IPv6 up separately.
    pub(crate) fn separate(mut self) -> Self {
        self.separate = true;
        self
    }

    /// Its lookups can not be stopped.
    pub(crate) fn unstoppable(mut self) -> Self {
        self.stops = false;
        self
    }

    /// Lets so many lookups pass.
    pub(crate) fn pass(&self, lookups: usize) {
        self.gate.add_permits(lookups);
    }

    /// Answers like this from now on.
    pub(crate) fn say(&self, answer: impl Fn(&str, Families) -> Result + Send + Sync + 'static) {
        *self.answer.lock().expect("no panic") = Arc::new(answer);
    }

    /// The names of all lookups so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }

    /// A connector that uses this resolver.
    pub(crate) fn net(&self) -> NetConnector {
        NetConnector::new().resolver(self.clone())
    }

    /// A manager that uses this resolver.
    pub(crate) fn manager(&self) -> Manager {
        let manager = Manager::builder().connector(self.net()).build();
        manager.expect("sound settings")
    }
}

impl Resolve for Names {
    async fn lookup(&self, name: &str, families: Families) -> Result {
        let _lookup = self.lookups.enter();
        self.asked.lock().expect("no panic").push(name.to_owned());
        let pass = self.gate.acquire().await;
        pass.expect("the gate is never closed for good").forget();
        let answer = Arc::clone(&self.answer.lock().expect("no panic"));
        answer(name, families)
    }

    fn asks_separately(&self) -> bool {
        self.separate
    }

    fn stops_when_dropped(&self) -> bool {
        self.stops
    }
}
