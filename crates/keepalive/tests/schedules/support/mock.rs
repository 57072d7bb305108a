//! A connector without sockets that counts attempts and connections.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use keepalive::{Attempt, ConnectError, Connection, Connector, Host, Unusable};
use shuttle::rand::{Rng, thread_rng};

use super::pause;

/// Opens connections after a while. Checks the limits and the holders of each connection.
#[derive(Clone)]
pub(crate) struct Mock {
    max_per_host: usize,
    max_open: usize,
    /// The probability that an attempt fails.
    failing: f64,
    /// How many polls of a closing connection are pending at most.
    closing: u32,
    shared: bool,
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    /// A logical clock, which orders events.
    step: u64,
    open: usize,
    open_of: HashMap<Host, usize>,
    /// Attempts that were begun.
    attempts: usize,
    wires: Vec<Arc<Mutex<State>>>,
}

/// The state of one connection.
#[derive(Default)]
struct State {
    holders: usize,
    capacity: usize,
    /// An exchange was broken off.
    spoilt: bool,
    /// The peer has closed it.
    closed: bool,
    /// The step at which all its watchers had been woken for its close.
    told: Option<u64>,
    watchers: Vec<Waker>,
}

impl Mock {
    pub(crate) fn new(max_per_host: usize, max_open: usize) -> Self {
        Self {
            max_per_host,
            max_open,
            failing: 0.0,
            closing: 0,
            shared: false,
            world: Arc::default(),
        }
    }

    /// Some attempts fail.
    pub(crate) fn failing(mut self) -> Self {
        self.failing = 0.4;
        self
    }

    /// Connections take time to close.
    pub(crate) fn closing_slowly(mut self) -> Self {
        self.closing = 3;
        self
    }

    /// Connections carry two leases.
    pub(crate) fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    pub(crate) fn max_per_host(&self) -> usize {
        self.max_per_host
    }

    pub(crate) fn max_open(&self) -> usize {
        self.max_open
    }

    /// The connections and attempts that exist now.
    pub(crate) fn open(&self) -> usize {
        self.world().open
    }

    /// Attempts that have begun so far.
    pub(crate) fn attempts(&self) -> usize {
        self.world().attempts
    }

    /// Advances the logical clock: later events have higher steps.
    pub(crate) fn step(&self) -> u64 {
        let mut world = self.world();
        world.step += 1;
        world.step
    }

    /// The peer closes all connections that are open.
    pub(crate) fn close_all(&self) {
        self.tell_all(|state| state.closed = true);
        let step = self.step();
        for wire in self.wires() {
            let mut state = lock(&wire);
            if state.closed {
                state.told.get_or_insert(step);
            }
        }
    }

    /// Sets the capacity of all connections that exist now.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.tell_all(|state| state.capacity = capacity);
    }

    fn tell_all(&self, change: impl Fn(&mut State)) {
        for wire in self.wires() {
            let watchers = {
                let mut state = lock(&wire);
                change(&mut state);
                std::mem::take(&mut state.watchers)
            };
            watchers.into_iter().for_each(Waker::wake);
        }
    }

    fn wires(&self) -> Vec<Arc<Mutex<State>>> {
        self.world().wires.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic")
}

impl Connector for Mock {
    type Connection = Wire;

    async fn connect(&self, attempt: &Attempt) -> Result<Wire, ConnectError> {
        let permit = Permit::take(self, attempt.host());
        pause().await;
        if thread_rng().gen_bool(self.failing) {
            return Err(ConnectError::new("connect", io::Error::other("refused")));
        }
        let state = Arc::new(Mutex::new(State {
            capacity: if self.shared { 2 } else { 1 },
            ..State::default()
        }));
        self.world().wires.push(Arc::clone(&state));
        Ok(Wire {
            state,
            shared: self.shared,
            closing: thread_rng().gen_range(0..=self.closing),
            _permit: Some(permit),
        })
    }
}

/// Counts as open from the begin of an attempt to the end of its connection.
struct Permit {
    mock: Mock,
    host: Host,
}

impl Permit {
    fn take(mock: &Mock, host: &Host) -> Self {
        let mut world = mock.world();
        world.attempts += 1;
        world.open += 1;
        let of_host = world.open_of.entry(host.clone()).or_default();
        *of_host += 1;
        let of_host = *of_host;
        let open = world.open;
        drop(world);
        assert!(of_host <= mock.max_per_host, "L1: {of_host} of one host");
        assert!(open <= mock.max_open, "L1: {open} in total");
        Self {
            mock: mock.clone(),
            host: host.clone(),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut world = self.mock.world();
        world.open -= 1;
        if let Some(of_host) = world.open_of.get_mut(&self.host) {
            *of_host -= 1;
        }
    }
}

/// A connection, or a handle on one.
pub(crate) struct Wire {
    state: Arc<Mutex<State>>,
    shared: bool,
    closing: u32,
    _permit: Option<Permit>,
}

impl Wire {
    /// A user receives it, for a request made at step `since`.
    pub(crate) fn receive(&self, since: u64) {
        let mut state = lock(&self.state);
        state.holders += 1;
        let most = if self.shared { 2 } else { 1 };
        let stale = state.told.is_some_and(|told| told < since);
        let (holders, spoilt) = (state.holders, state.spoilt);
        drop(state);
        assert!(holders <= most, "I7: {holders} have one connection");
        assert!(!spoilt || self.shared, "C2: it was broken off");
        assert!(!stale, "C4: it was known to be closed");
    }

    pub(crate) fn let_go(&self) {
        lock(&self.state).holders -= 1;
    }

    pub(crate) fn spoil(&self) {
        lock(&self.state).spoilt = true;
    }
}

impl Connection for Wire {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        let mut state = lock(&self.state);
        if state.closed {
            return Poll::Ready(Unusable::Closed);
        }
        state.watchers.push(context.waker().clone());
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        match lock(&self.state).closed {
            true => Err(Unusable::Closed),
            false => Ok(()),
        }
    }

    fn capacity(&self) -> usize {
        lock(&self.state).capacity
    }

    fn share(&self) -> Option<Self> {
        self.shared.then(|| Self {
            state: Arc::clone(&self.state),
            shared: true,
            closing: 0,
            _permit: None,
        })
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.closing.checked_sub(1) {
            None => Poll::Ready(()),
            Some(left) => {
                self.closing = left;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}
