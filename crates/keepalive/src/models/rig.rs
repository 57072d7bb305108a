//! The common rig of the models: a driver whose attempts succeed when its runtime is run.

use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keepalive_engine::{Config, Settings, ShardId};
use loom::future::block_on;
use loom::thread::{self, JoinHandle};

use crate::api::error::AllocateError;
use crate::api::lease::{Lease, Leasing, Pending};
use crate::api::request::Request;
use crate::connect::bind::BindAddresses;
use crate::connect::{Attempt, ConnectError, Connection, Connector, Unusable};
use crate::driver::Driver;
use crate::driver::ShardRef;
use crate::runtime::simulated::{Runtime, Simulation, advance};
use crate::sync::{Arc, Mutex};

/// Maximum number of preemptions per schedule, unless `LOOM_MAX_PREEMPTIONS` sets another.
const PREEMPTIONS: usize = 4;

/// Runs a model under every schedule within that bound.
#[allow(clippy::print_stderr)] // the number of schedules is of interest
pub(super) fn explore(model: impl Fn() + Send + Sync + 'static) {
    let schedules = Arc::new(AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.max_branches = 100_000;
    let explored = Arc::clone(&schedules);
    builder.check(move || {
        explored.fetch_add(1, Ordering::Relaxed);
        let _simulation = Simulation::begin();
        model();
    });
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    eprintln!("{name}: {} schedules", schedules.load(Ordering::Relaxed));
}

/// A driver, and the runtime of its requests.
#[derive(Clone)]
pub(super) struct Rig {
    pub(super) driver: Arc<Driver<Mock>>,
    pub(super) runtime: Arc<Runtime>,
    pub(super) mock: Mock,
}

impl Rig {
    /// A rig with two shards, and otherwise with settings from `change`.
    pub(super) fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            shards: 2,
            seed: 0,
            ..Settings::default()
        };
        change(&mut settings);
        let config = Config::try_from(settings).expect("sound settings");
        let mock = Mock::default();
        let driver = Driver::new(&config, mock.clone(), BindAddresses::default());
        let rig = Self {
            driver: Arc::new(driver),
            runtime: Arc::new(Runtime::new()),
            mock,
        };
        rig.runtime.enter();
        rig
    }

    /// A rig with room for one connection.
    pub(super) fn with_one_permit() -> Self {
        Self::new(|settings| settings.max_open = 1)
    }

    /// A request for a host of this shard.
    pub(super) fn request(&self, shard: u16) -> Request {
        (0..)
            .map(|n: u32| {
                let request = Request::new("mock", "127.0.0.1", 1).expect("a request");
                request.partition(n.to_string())
            })
            .find(|request| self.driver.shard_of(request) == ShardId(shard))
            .expect("some host is in each shard")
    }

    pub(super) fn ask(&self, request: Request) -> Pending<Mock> {
        Pending::new(&ShardRef::new(&self.driver), &request, Location::caller())
    }

    pub(super) fn lease(&self, request: Request) -> Lease<Mock> {
        let pending = self.ask(request);
        self.runtime.run();
        block_on(pending).expect("an attempt succeeds")
    }

    /// Takes a connection, and waits until there is one.
    pub(super) fn take(&self, request: &Request) -> Lease<Mock> {
        let shard_ref = ShardRef::new(&self.driver);
        block_on(leasing(&shard_ref, request)).expect("there will be one")
    }

    /// Takes an idle connection, if there is one.
    pub(super) fn hit(&self, request: &Request) -> Option<Lease<Mock>> {
        let shard_ref = ShardRef::new(&self.driver);
        look(&mut leasing(&shard_ref, request))?.ok()
    }

    /// Opens a connection and leaves it idle.
    pub(super) fn idle(&self, request: Request) {
        self.lease(request).free();
    }

    /// Does this on another thread.
    pub(super) fn beside<T: 'static>(
        &self,
        work: impl FnOnce(Self) -> T + 'static,
    ) -> JoinHandle<T> {
        let rig = self.clone();
        thread::spawn(move || work(rig))
    }

    /// Lets time pass, and runs the due work.
    pub(super) fn pass(&self, time: Duration) {
        advance(time);
        self.runtime.run();
    }

    /// Checks every invariant across the shards, which must be at rest. Returns the number of open
    /// connections.
    pub(super) fn rest(&self) -> usize {
        self.driver.check();
        self.driver.common.open()
    }
}

/// The future of a lease.
pub(super) fn leasing<'a>(
    shard_ref: &'a Arc<ShardRef<Mock>>,
    request: &'a Request,
) -> Leasing<'a, Mock> {
    Leasing::New {
        shard_ref,
        request,
        location: Location::caller(),
    }
}

/// The answer of a request, if it is ready.
pub(super) fn answer(pending: &mut Pending<Mock>) -> Option<Result<Lease<Mock>, AllocateError>> {
    look(pending)
}

/// The output of a future, if it is ready.
pub(super) fn look<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(future).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Opens usable connections until the peer closes everything.
#[derive(Clone, Default)]
pub(super) struct Mock {
    peer: Arc<Mutex<Peer>>,
    stuck: Arc<AtomicBool>,
}

#[derive(Default)]
struct Peer {
    closed: bool,
    watchers: Vec<Waker>,
}

impl Mock {
    /// Closes all connections from the peer's side.
    pub(super) fn close(&self) {
        let watchers = {
            let mut peer = self.peer.lock();
            peer.closed = true;
            std::mem::take(&mut peer.watchers)
        };
        watchers.into_iter().for_each(Waker::wake);
    }

    /// From now on attempts never end.
    pub(super) fn stick(&self) {
        self.stuck.store(true, Ordering::Relaxed);
    }
}

impl Connector for Mock {
    type Connection = Wire;

    async fn connect(&self, _attempt: &Attempt) -> Result<Wire, ConnectError> {
        if self.stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Ok(Wire(Arc::clone(&self.peer)))
    }
}

pub(super) struct Wire(Arc<Mutex<Peer>>);

impl Connection for Wire {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        let mut peer = self.0.lock();
        if peer.closed {
            return Poll::Ready(Unusable::Closed);
        }
        peer.watchers.push(context.waker().clone());
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        match self.0.lock().closed {
            true => Err(Unusable::Closed),
            false => Ok(()),
        }
    }
}
