//! The state that clients, peers and the run share: the manager, and a ledger of all requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use keepalive::{
    AllocateError, ErrorKind, FromCache, Lease, Mailbox, Manager, Pending, Request, RequestId,
};
use keepalive_testkit::dice::Dice;
use keepalive_testkit::simulated::aftermath::pick_up;
use keepalive_testkit::simulated::{Network, Shared, TICK, Tasks};
use tokio::time::Instant;

use crate::plan::Plan;

pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) plan: Plan,
    /// Until the test drops the last handle.
    pub(crate) manager: Shared<Option<Manager<Network>>>,
    pub(crate) mailbox: Shared<Option<Mailbox<Letter, Network>>>,
    pub(crate) ledger: Shared<Ledger>,
    /// The leases and requests that outlive the runtime.
    pub(crate) vault: Shared<Vault>,
    pub(crate) tasks: Tasks,
    pub(crate) leaked: AtomicUsize,
    /// No more faults, and no more mischief of users.
    pub(crate) calm: AtomicBool,
    pub(crate) shut_down: AtomicBool,
    pub(crate) runtime_lost: AtomicBool,
    /// The reader of the mailbox is gone.
    pub(crate) mail_lost: AtomicBool,
}

/// A context, as it is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) number: usize,
}

#[derive(Default)]
pub(crate) struct Vault {
    pub(crate) leases: Vec<Lease<Network>>,
    pub(crate) pending: Vec<(usize, Pending<Network>)>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) entries: BTreeMap<usize, Entry>,
    ids: BTreeSet<RequestId>,
    pub(crate) leases: u64,
    pub(crate) cached: u64,
    pub(crate) errors: BTreeMap<String, u64>,
}

/// One request.
pub(crate) struct Entry {
    pub(crate) request: Request,
    pub(crate) host: usize,
    pub(crate) asked: Instant,
    pub(crate) timeout: Duration,
    pub(crate) queue_timeout: Option<Duration>,
    pub(crate) id: Option<RequestId>,
    pub(crate) answers: usize,
    /// `cancel` reported that it withdrew the request.
    pub(crate) cancelled: bool,
    /// The user has dropped the receiver of the answer.
    pub(crate) dropped: bool,
}

/// How soon an answer was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// By a user that waited for nothing else.
    AtOnce,
    Later,
    /// Outside of a runtime, where the clock is another.
    Outside,
}

impl World {
    pub(crate) fn note(&self, event: &str, number: usize) {
        self.network.books().note(event, number as u64);
    }

    pub(crate) fn blame(&self, fault: impl Into<String>) {
        self.network.books().blame(fault);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(SeqCst)
    }

    pub(crate) fn handle(&self) -> Option<Manager<Network>> {
        self.manager.lock().clone()
    }

    /// Draws a new request.
    pub(crate) fn draw(&self, number: usize, dice: &mut Dice) -> Request {
        let host = dice.below(self.plan.hosts);
        let mut request = self.network.books().host(host);
        let mut timeout = self.plan.timeout;
        let mut queue_timeout = None;
        if dice.below(6) == 0 {
            timeout = Duration::from_millis(dice.below(60) as u64);
            request = request.timeout(timeout);
        }
        if dice.below(6) == 0 {
            let limit = Duration::from_millis(dice.below(40) as u64);
            queue_timeout = Some(limit);
            request = request.queue_timeout(limit);
        }
        let entry = Entry {
            request: request.clone(),
            host,
            asked: Instant::now(),
            timeout,
            queue_timeout,
            id: None,
            answers: 0,
            cancelled: false,
            dropped: false,
        };
        self.ledger.lock().entries.insert(number, entry);
        request
    }

    pub(crate) fn asked(&self, number: usize, id: RequestId) {
        self.note("asked", number);
        let mut ledger = self.ledger.lock();
        let new = ledger.ids.insert(id);
        ledger.entry(number).id = Some(id);
        drop(ledger);
        if !new {
            self.blame("an id was given twice");
        }
    }

    /// Notes that the receiver of the answer is gone.
    pub(crate) fn dropped(&self, number: usize) {
        self.note("dropped", number);
        self.ledger.lock().entry(number).dropped = true;
    }

    /// Notes an answer, checks it, and returns its lease ready for use.
    pub(crate) fn answered(
        &self,
        number: usize,
        result: Result<Lease<Network>, AllocateError>,
        taken: Taken,
    ) -> Option<Lease<Network>> {
        let mut ledger = self.ledger.lock();
        let entry = ledger.entry(number);
        entry.answers += 1;
        let answers = entry.answers;
        let elapsed = entry.asked.elapsed();
        let late = taken == Taken::AtOnce && elapsed > entry.timeout + TICK;
        let faults = [
            (answers > 1, "a request was answered twice"),
            (
                entry.dropped,
                "a request was answered after it was withdrawn",
            ),
            (late, "an answer came after the deadline"),
        ];
        let faults = faults
            .into_iter()
            .filter(|&(is, _)| is)
            .map(|(_, fault)| fault);
        let mut faults: Vec<String> = faults.map(str::to_owned).collect();
        let lease = match result {
            Ok(lease) => {
                faults.extend(check_lease(entry, &lease, taken));
                let (host, asked) = (entry.host, entry.asked);
                ledger.leases += 1;
                ledger.cached += u64::from(lease.from_cache().is_some());
                drop(ledger);
                let how = match lease.from_cache() {
                    None => "answered: new",
                    Some(FromCache::Immediate) => "answered: immediate",
                    Some(FromCache::Deferred) => "answered: deferred",
                };
                self.note(how, number);
                let mut lease = lease;
                pick_up(&mut lease, host, asked);
                Some(lease)
            }
            Err(error) => {
                faults.extend(self.check_error(entry, &error, taken));
                let kind = match error.function() {
                    "check" => "Lost".to_owned(),
                    _ => format!("{:?}", error.kind()),
                };
                let answered = format!("answered: {kind}");
                *ledger.errors.entry(kind).or_default() += 1;
                drop(ledger);
                self.note(&answered, number);
                None
            }
        };
        for fault in faults {
            self.blame(format!("request {number}: {fault}"));
        }
        lease
    }

    fn check_error(&self, entry: &Entry, error: &AllocateError, taken: Taken) -> Vec<String> {
        let elapsed = entry.asked.elapsed();
        let reached = |limit: Duration| match taken {
            Taken::AtOnce => (limit..=limit + TICK).contains(&elapsed),
            Taken::Later => elapsed >= limit,
            Taken::Outside => true,
        };
        let plausible = match error.kind() {
            ErrorKind::Timeout => {
                let queue = entry.queue_timeout.is_some_and(reached);
                reached(entry.timeout) || (queue && error.function() == "queue")
            }
            ErrorKind::Connect => match error.function() {
                "resolve" | "tls" | "check" => true,
                "connect" => error.error_num().is_some() || error.error_str().contains("panicked"),
                _ => false,
            },
            ErrorKind::QueueFull => self.plan.max_queued.is_some(),
            ErrorKind::Cancelled => entry.cancelled,
            ErrorKind::ShutDown => self.shut_down.load(SeqCst),
            ErrorKind::Runtime => self.runtime_lost.load(SeqCst),
            _ => false,
        };
        let same = entry.id == Some(error.id()) && error.host() == entry.request.host();
        let cancelled = entry.cancelled && error.kind() != ErrorKind::Cancelled;
        [
            (!plausible, format!("{error} after {elapsed:?}")),
            (!same, "the answer is another request's".to_owned()),
            (cancelled, format!("it was cancelled, but {error}")),
        ]
        .into_iter()
        .filter_map(|(is, fault)| is.then_some(fault))
        .collect()
    }
}

fn check_lease(entry: &Entry, lease: &Lease<Network>, taken: Taken) -> Vec<String> {
    let elapsed = entry.asked.elapsed();
    let same = entry.id == Some(lease.id()) && lease.host() == entry.request.host();
    let timing = lease.timing().total();
    [
        (!same, "the answer is another request's".to_owned()),
        (
            entry.cancelled,
            "a connection after it was cancelled".to_owned(),
        ),
        (
            timing > elapsed && taken != Taken::Outside,
            format!("{timing:?} of {elapsed:?}"),
        ),
    ]
    .into_iter()
    .filter_map(|(is, fault)| is.then_some(fault))
    .collect()
}

impl Ledger {
    pub(crate) fn entry(&mut self, number: usize) -> &mut Entry {
        self.entries.get_mut(&number).expect("it was asked")
    }
}
