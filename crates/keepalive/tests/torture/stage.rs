//! Where a scenario plays: a manager, a network, and the one future that may be dropped early.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use keepalive::{AllocateError, Lease, Manager, Request};
use keepalive_testkit::simulated::aftermath::{free, pick_up};
use keepalive_testkit::simulated::{Network, Shared, Tasks};
use tokio::time::{Instant, Sleep, sleep};

use crate::script::Script;

pub(crate) struct Stage {
    pub(crate) network: Network,
    pub(crate) script: Script,
    manager: Shared<Option<Manager<Network>>>,
    cut: Cut,
    /// Nothing but the cut goes wrong, so everybody else is served.
    pub(crate) strict: bool,
    pub(crate) tasks: Tasks,
    polls: AtomicUsize,
    /// How long the future under test took, in milliseconds.
    took: AtomicU64,
    nonces: AtomicU64,
}

/// When the future under test is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// Before the poll of this number: the event that it waits for has happened.
    Before(usize),
    /// Once it has been polled so often, and is pending.
    After(usize),
    /// After so many milliseconds.
    At(u64),
}

pub(crate) type Answer = Result<Lease<Network>, AllocateError>;

impl Stage {
    pub(crate) fn new(
        network: Network,
        script: Script,
        manager: Manager<Network>,
        cut: Cut,
        strict: bool,
    ) -> Self {
        Self {
            network,
            script,
            manager: Shared::new(Some(manager)),
            cut,
            strict,
            tasks: Tasks::default(),
            polls: AtomicUsize::new(0),
            took: AtomicU64::new(0),
            nonces: AtomicU64::new(0),
        }
    }

    pub(crate) fn manager(&self) -> Manager<Network> {
        let manager = self.manager.lock().clone();
        manager.expect("the scenario has not dropped it")
    }

    /// Takes the last handle away, if it is still there.
    pub(crate) fn take_manager(&self) -> Option<Manager<Network>> {
        self.manager.lock().take()
    }

    pub(crate) fn polls(&self) -> usize {
        self.polls.load(SeqCst)
    }

    pub(crate) fn took(&self) -> u64 {
        self.took.load(SeqCst)
    }

    pub(crate) fn host(&self, number: usize) -> Request {
        self.network.books().host(number)
    }

    /// The future that may be dropped early; `None` if it was.
    pub(crate) async fn under_test<F: Future>(&self, future: F) -> Option<F::Output> {
        let began = Instant::now();
        let mut future = Some(Box::pin(future));
        let mut time_is_up = match self.cut {
            Cut::At(millis) => Some(Box::pin(sleep(Duration::from_millis(millis)))),
            _ => None,
        };
        let output = poll_fn(|context| {
            let poll = 1 + self.polls.fetch_add(1, SeqCst);
            if self.cut == Cut::Before(poll) {
                future = None;
            }
            let Some(running) = &mut future else {
                return Poll::Ready(None);
            };
            if let Poll::Ready(output) = running.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            let is_up = |sleep: &mut Pin<Box<Sleep>>| sleep.as_mut().poll(context).is_ready();
            if self.cut == Cut::After(poll) || time_is_up.as_mut().is_some_and(is_up) {
                future = None;
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await;
        let took = u64::try_from(began.elapsed().as_millis()).expect("a run is short");
        self.took.store(took, SeqCst);
        output
    }

    /// Waits for a lease, unless dropped early, and holds it for so long.
    pub(crate) async fn test(
        &self,
        asked: impl Future<Output = Option<Lease<Network>>>,
        millis: u64,
    ) {
        let lease = self.under_test(asked).await.flatten();
        self.enjoy(lease, millis).await;
    }

    /// Asks at once, and answers with the lease of a host.
    pub(crate) fn ask(&self, host: usize) -> impl Future<Output = Option<Lease<Network>>> + Send {
        self.ask_for(host, self.host(host), true)
    }

    /// Requests a connection, which may fail.
    pub(crate) fn try_ask(
        &self,
        host: usize,
        request: Request,
    ) -> impl Future<Output = Option<Lease<Network>>> + Send {
        self.ask_for(host, request, false)
    }

    fn ask_for(
        &self,
        host: usize,
        request: Request,
        must: bool,
    ) -> impl Future<Output = Option<Lease<Network>>> + Send {
        let asked = Instant::now();
        let pending = self.manager().allocate(request);
        async move { self.got(host, asked, pending.await, must) }
    }

    /// Notes an answer.
    pub(crate) fn got(
        &self,
        host: usize,
        asked: Instant,
        answer: Answer,
        must: bool,
    ) -> Option<Lease<Network>> {
        match answer {
            Ok(mut lease) => {
                pick_up(&mut lease, host, asked);
                Some(lease)
            }
            Err(error) => {
                if must && self.strict {
                    self.blame(format!("somebody else was not served: {error}"));
                }
                None
            }
        }
    }

    /// Holds a lease for so long, with an exchange on it, and gives it back.
    pub(crate) async fn enjoy(&self, lease: Option<Lease<Network>>, millis: u64) {
        let Some(mut lease) = lease else { return };
        let nonce = self.nonces.fetch_add(1, SeqCst);
        let latency = Duration::from_millis(millis);
        lease.send(nonce, latency);
        sleep(latency).await;
        match lease.receive() {
            Some(answer) if answer == nonce => free(lease),
            Some(_) => self.blame("the answer was another's"),
            None => lease.close(),
        }
    }

    /// Requests a connection, and holds its lease for so long.
    pub(crate) fn visit(&self, host: usize, millis: u64) -> impl Future<Output = ()> + Send {
        let asked = self.ask(host);
        async move { self.enjoy(asked.await, millis).await }
    }

    /// Does something beside the scenario.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let script = self.script.clone();
        let mut work = Box::pin(work);
        self.tasks.spawn(poll_fn(move |context| {
            script.step(None);
            work.as_mut().poll(context)
        }));
    }

    pub(crate) fn blame(&self, fault: impl Into<String>) {
        self.network.books().blame(fault);
    }
}

pub(crate) async fn wait(millis: u64) {
    sleep(Duration::from_millis(millis)).await;
}
