//! Records the lookups and attempts of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use keepalive::{ConnectError, Families, Origin, PathEvent};
use serde::{Serialize, Serializer};

use crate::failure::Failure;
use crate::timing::in_micros;

/// The lookups and attempts, in the order in which they began.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Path {
    pub(crate) proxy: Option<String>,
    /// Whether the path ends at a forwarding proxy.
    #[serde(rename = "forwarded")]
    pub(crate) is_forwarded: bool,
    pub(crate) lookups: Vec<Lookup>,
    #[serde(rename = "attempts")]
    pub(crate) tries: Vec<Try>,
}

/// The begin and the end of a step, since the request for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Span {
    #[serde(rename = "from_us", serialize_with = "in_micros")]
    pub(crate) from: Duration,
    #[serde(rename = "to_us", serialize_with = "in_micros")]
    pub(crate) to: Duration,
}

/// A step to a connection, and its outcome.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step<What, Found> {
    #[serde(flatten)]
    pub(crate) what: What,
    pub(crate) outcome: Outcome,
    #[serde(flatten)]
    pub(crate) found: Found,
    #[serde(flatten)]
    pub(crate) span: Span,
    pub(crate) error: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Found,
    Connected,
    Failed,
    /// A connection was open before the outcome.
    GivenUp,
    /// There is no outcome yet, or the probe ended before it.
    Unanswered,
}

/// A lookup of a name's addresses.
pub(crate) type Lookup = Step<Name, Addresses>;

/// An attempt to connect to an address.
pub(crate) type Try = Step<Address, ()>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Name {
    pub(crate) name: String,
    #[serde(serialize_with = "families")]
    pub(crate) families: Families,
}

/// The answer to a lookup. The origin of an error is known too.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Addresses {
    #[serde(serialize_with = "origin")]
    pub(crate) origin: Option<Origin>,
    pub(crate) addresses: Vec<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Address {
    pub(crate) address: SocketAddr,
}

fn families<S: Serializer>(families: &Families, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match families {
        Families::V4 => "ipv4",
        Families::V6 => "ipv6",
        Families::Both => "both",
    })
}

fn origin<S: Serializer>(origin: &Option<Origin>, to: S) -> Result<S::Ok, S::Error> {
    let name = origin.map(|origin| match origin {
        Origin::Given => "given",
        Origin::Kept => "kept",
        _ => "looked_up",
    });
    name.serialize(to)
}

impl<What: PartialEq, Found: Default> Step<What, Found> {
    fn begin(what: What, now: Duration) -> Self {
        Self {
            what,
            outcome: Outcome::Unanswered,
            found: Found::default(),
            span: Span { from: now, to: now },
            error: None,
        }
    }

    /// Sets the end and the outcome, unless there is an outcome.
    fn end(&mut self, now: Duration, outcome: Outcome) {
        if self.outcome == Outcome::Unanswered {
            self.span.to = now;
            self.outcome = outcome;
        }
    }

    fn fail(&mut self, now: Duration, error: &ConnectError) {
        self.end(now, Outcome::Failed);
        self.error = Some(error.into());
    }

    /// The step of these that has no outcome.
    fn open<'a>(steps: &'a mut [Self], what: &What) -> Option<&'a mut Self> {
        let mut steps = steps.iter_mut();
        steps.find(|step| step.what == *what && step.outcome == Outcome::Unanswered)
    }
}

impl Path {
    fn note(&mut self, now: Duration, event: PathEvent<'_>) {
        match event {
            PathEvent::ByProxy(proxy) => self.proxy = Some(proxy.to_string()),
            PathEvent::LookingUp { name, families } => {
                let name = name.to_owned();
                let step = Step::begin(Name { name, families }, now);
                self.lookups.push(step);
            }
            PathEvent::Found {
                name,
                families,
                origin,
                addresses,
            } => {
                if let Some(lookup) = self.lookup(name, families, origin) {
                    lookup.found.addresses = addresses.to_vec();
                    lookup.end(now, Outcome::Found);
                }
            }
            PathEvent::NotFound {
                name,
                families,
                origin,
                error,
            } => {
                if let Some(lookup) = self.lookup(name, families, origin) {
                    lookup.fail(now, error);
                }
            }
            PathEvent::Connecting(address) => {
                self.tries.push(Step::begin(Address { address }, now));
            }
            PathEvent::Connected(address) => {
                if let Some(one) = self.attempt(now, address) {
                    one.end(now, Outcome::Connected);
                }
                self.end_all(now, Outcome::GivenUp);
            }
            PathEvent::Failed(address, error) => {
                if let Some(one) = self.attempt(now, address) {
                    one.fail(now, error);
                }
            }
            _ => {}
        }
    }

    /// The open lookup of `name`, which got an answer of this origin.
    fn lookup(&mut self, name: &str, families: Families, origin: Origin) -> Option<&mut Lookup> {
        let name = name.to_owned();
        let lookup = Step::open(&mut self.lookups, &Name { name, families })?;
        lookup.found.origin = Some(origin);
        Some(lookup)
    }

    /// The open attempt to `address`, which begins now unless it has begun.
    fn attempt(&mut self, now: Duration, address: SocketAddr) -> Option<&mut Try> {
        let what = Address { address };
        if Step::open(&mut self.tries, &what).is_none() {
            self.tries.push(Step::begin(what, now));
        }
        Step::open(&mut self.tries, &what)
    }

    /// Ends all open lookups and attempts.
    fn end_all(&mut self, now: Duration, outcome: Outcome) {
        self.lookups
            .iter_mut()
            .for_each(|one| one.end(now, outcome));
        self.tries.iter_mut().for_each(|one| one.end(now, outcome));
    }
}

/// Records events. Clones share the record.
///
/// The clock starts at the first event, or at [`elapsed`](Self::elapsed).
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    began: Arc<OnceLock<Instant>>,
    path: Arc<Mutex<Path>>,
}

impl Recorder {
    /// The time on the clock, which starts now unless it has started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.get_or_init(Instant::now).elapsed()
    }

    pub(crate) fn note(&self, event: PathEvent<'_>) {
        let now = self.elapsed();
        let mut path = self.path.lock().unwrap_or_else(PoisonError::into_inner);
        path.note(now, event);
    }

    /// The record, and the time since the start.
    pub(crate) fn finish(&self) -> (Path, Duration) {
        let now = self.elapsed();
        let path = self.path.lock().unwrap_or_else(PoisonError::into_inner);
        let mut path = path.clone();
        path.end_all(now, Outcome::Unanswered);
        (path, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
    const QUICK: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 2);

    fn after(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_connection_ends_all_other_lookups_and_attempts_as_given_up() {
        let mut path = Path::default();
        let (name, families) = ("h.test", Families::V6);
        path.note(after(0), PathEvent::LookingUp { name, families });
        path.note(after(1), PathEvent::Connecting(SLOW));
        path.note(after(2), PathEvent::Connecting(QUICK));
        path.note(after(5), PathEvent::Connected(QUICK));
        assert_eq!(path.lookups[0].outcome, Outcome::GivenUp);
        let [slow, quick] = &path.tries[..] else {
            panic!("{path:?}");
        };
        assert_eq!(slow.outcome, Outcome::GivenUp);
        assert_eq!(quick.outcome, Outcome::Connected);
        assert_eq!(slow.span.to, after(5));
        assert_eq!(quick.span.from, after(2));
    }

    #[test]
    fn an_attempt_open_at_the_end_of_a_probe_is_unanswered() {
        let recorder = Recorder::default();
        recorder.note(PathEvent::Connecting(SLOW));
        let (path, took) = recorder.finish();
        assert_eq!(path.tries[0].outcome, Outcome::Unanswered);
        assert_eq!(path.tries[0].span.to, took);
    }
}
