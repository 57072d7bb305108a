//! Good weather except for chosen operations, which are numbered from the beginning of a run.

use std::sync::{Arc, MutexGuard};
use std::task::Waker;

use keepalive_testkit::simulated::{Delay, Operation, Shared, Verdict, Weather};

/// The faults of a run, and its counts so far.
#[derive(Clone)]
pub(crate) struct Script(Arc<Shared<Inner>>);

/// How attempts go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Each step takes a turn.
    #[default]
    Steps,
    /// They end at their first poll.
    AtOnce,
}

impl Pace {
    pub(crate) const ALL: [Self; 2] = [Self::Steps, Self::AtOnce];
}

#[derive(Default)]
struct Inner {
    /// By the number of the operation.
    faults: Vec<(usize, Verdict)>,
    /// The end of the next attempt of a host, as the scenario itself wants it.
    planned: Option<(usize, Verdict)>,
    capacity: usize,
    close_millis: u64,
    pace: Pace,
    operations: Vec<Operation>,
    steps: usize,
    stop_at: Option<usize>,
    stopped: bool,
    waker: Option<Waker>,
}

impl Script {
    pub(crate) fn new(capacity: usize, close_millis: u64, pace: Pace) -> Self {
        Self(Arc::new(Shared::new(Inner {
            capacity,
            close_millis,
            pace,
            ..Inner::default()
        })))
    }

    /// The operation of this number goes wrong, if it can in that way.
    pub(crate) fn fault(&self, number: usize, verdict: Verdict) {
        self.lock().faults.push((number, verdict));
    }

    /// The next attempt of a host comes to this end.
    pub(crate) fn plan(&self, host: usize, verdict: Verdict) {
        self.lock().planned = Some((host, verdict));
    }

    pub(crate) fn forget_plan(&self) {
        self.lock().planned = None;
    }

    /// Nothing goes wrong any more.
    pub(crate) fn heal(&self) {
        let mut inner = self.lock();
        inner.faults.clear();
        inner.planned = None;
        inner.stop_at = None;
    }

    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.lock().capacity = capacity;
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        self.lock().operations.clone()
    }

    pub(crate) fn steps(&self) -> usize {
        self.lock().steps
    }

    pub(crate) fn stop_at(&self, step: usize) {
        self.lock().stop_at = Some(step);
    }

    /// Counts a step. Returns whether it was the last.
    pub(crate) fn step(&self, waker: Option<&Waker>) -> bool {
        let mut inner = self.lock();
        if let Some(waker) = waker {
            inner.waker = Some(waker.clone());
        }
        inner.steps += 1;
        if inner.stop_at.is_some_and(|at| inner.steps >= at) {
            inner.stopped = true;
            if let Some(waker) = inner.waker.take() {
                drop(inner);
                waker.wake();
                return true;
            }
        }
        inner.stopped
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock()
    }
}

impl Weather for Script {
    fn verdict(&mut self, operation: Operation, at: usize) -> Verdict {
        self.step(None);
        let mut inner = self.lock();
        let number = inner.operations.len();
        inner.operations.push(operation);
        if operation == Operation::Connect
            && let Some((_, verdict)) = inner.planned.take_if(|(host, _)| *host == at)
        {
            return verdict;
        }
        let fault = inner.faults.iter().find(|fault| fault.0 == number);
        fault.map_or(Verdict::Fine, |&(_, verdict)| {
            if operation.may(verdict) {
                verdict
            } else {
                Verdict::Fine
            }
        })
    }

    fn delay(&mut self, operation: Operation, _number: usize) -> Delay {
        self.step(None);
        let (close_millis, pace) = {
            let inner = self.lock();
            (inner.close_millis, inner.pace)
        };
        match operation {
            Operation::Resolve | Operation::Connect | Operation::Handshake
                if pace == Pace::AtOnce =>
            {
                Delay::default()
            }
            Operation::Close => Delay {
                turns: 0,
                millis: close_millis,
            },
            _ => Delay {
                turns: 1,
                millis: 1,
            },
        }
    }

    fn capacity(&mut self) -> usize {
        self.lock().capacity
    }
}
