//! Records the lookups and attempts of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use keepalive::{ConnectError, Families, Origin, PathEvent};

/// The lookups and attempts, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    pub(crate) proxy: Option<String>,
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) tries: Vec<Try>,
}

/// The begin and the end of a step, since the request for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// A step to a connection, and its outcome.
#[derive(Clone, Debug)]
pub(crate) struct Step<What, Outcome> {
    pub(crate) what: What,
    pub(crate) span: Span,
    pub(crate) end: End<Outcome>,
}

/// A lookup of a name's addresses. The origin of the outcome is known even if it is an error.
pub(crate) type Lookup = Step<(String, Families), (Origin, Result<Vec<IpAddr>, ConnectError>)>;

/// An attempt to connect to an address.
pub(crate) type Try = Step<SocketAddr, Result<(), ConnectError>>;

#[derive(Clone, Debug)]
pub(crate) enum End<Outcome> {
    Open,
    /// A connection was open before its outcome.
    GivenUp,
    /// The probe ended before its outcome.
    Unanswered,
    Outcome(Outcome),
}

impl<Outcome> End<Outcome> {
    fn early(is_connected: bool) -> Self {
        match is_connected {
            true => Self::GivenUp,
            false => Self::Unanswered,
        }
    }
}

impl<What: PartialEq, Outcome> Step<What, Outcome> {
    fn begin(what: What, now: Duration) -> Self {
        Self {
            what,
            span: Span { from: now, to: now },
            end: End::Open,
        }
    }

    fn finish(&mut self, now: Duration, end: End<Outcome>) {
        if matches!(self.end, End::Open) {
            self.span.to = now;
            self.end = end;
        }
    }

    /// The open step of these.
    fn find<'a>(steps: &'a mut [Self], what: &What) -> Option<&'a mut Self> {
        let mut steps = steps.iter_mut();
        steps.find(|step| step.what == *what && matches!(step.end, End::Open))
    }
}

impl Path {
    fn note(&mut self, now: Duration, event: PathEvent<'_>) {
        match event {
            PathEvent::ByProxy(proxy) => self.proxy = Some(proxy.to_string()),
            PathEvent::LookingUp { name, families } => {
                let what = (name.to_owned(), families);
                self.lookups.push(Step::begin(what, now));
            }
            PathEvent::Found {
                name,
                families,
                origin,
                addresses,
            } => self.looked_up(now, (name, families), (origin, Ok(addresses.to_vec()))),
            PathEvent::NotFound {
                name,
                families,
                origin,
                error,
            } => self.looked_up(now, (name, families), (origin, Err(error.clone()))),
            PathEvent::Connecting(address) => self.tries.push(Step::begin(address, now)),
            PathEvent::Connected(address) => {
                self.tried(now, address, Ok(()));
                self.end_all(now, true);
            }
            PathEvent::Failed(address, error) => self.tried(now, address, Err(error.clone())),
            _ => {}
        }
    }

    fn looked_up(
        &mut self,
        now: Duration,
        (name, families): (&str, Families),
        outcome: (Origin, Result<Vec<IpAddr>, ConnectError>),
    ) {
        if let Some(lookup) = Step::find(&mut self.lookups, &(name.to_owned(), families)) {
            lookup.finish(now, End::Outcome(outcome));
        }
    }

    fn tried(&mut self, now: Duration, address: SocketAddr, outcome: Result<(), ConnectError>) {
        if Step::find(&mut self.tries, &address).is_none() {
            self.tries.push(Step::begin(address, now));
        }
        if let Some(one) = Step::find(&mut self.tries, &address) {
            one.finish(now, End::Outcome(outcome));
        }
    }

    /// Ends all open lookups and attempts.
    fn end_all(&mut self, now: Duration, is_connected: bool) {
        for lookup in &mut self.lookups {
            lookup.finish(now, End::early(is_connected));
        }
        for one in &mut self.tries {
            one.finish(now, End::early(is_connected));
        }
    }
}

/// Records events. Clones share the record.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    began: Arc<OnceLock<Instant>>,
    path: Arc<Mutex<Path>>,
}

impl Recorder {
    /// Starts the clock at the first event, or at [`begin`](Self::begin).
    pub(crate) fn new() -> Self {
        Self {
            began: Arc::default(),
            path: Arc::default(),
        }
    }

    /// Starts the clock, unless it has started.
    pub(crate) fn begin(&self) {
        self.elapsed();
    }

    fn elapsed(&self) -> Duration {
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
        path.end_all(now, false);
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
        assert!(matches!(path.lookups[0].end, End::GivenUp));
        let [slow, quick] = &path.tries[..] else {
            panic!("{path:?}");
        };
        assert!(matches!(slow.end, End::GivenUp), "{slow:?}");
        assert!(matches!(quick.end, End::Outcome(Ok(()))), "{quick:?}");
        assert_eq!(slow.span.to, after(5));
        assert_eq!(quick.span.from, after(2));
    }

    #[test]
    fn an_attempt_open_at_the_end_of_a_probe_is_unanswered() {
        let recorder = Recorder::new();
        recorder.note(PathEvent::Connecting(SLOW));
        let (path, took) = recorder.finish();
        assert!(matches!(path.tries[0].end, End::Unanswered));
        assert_eq!(path.tries[0].span.to, took);
    }
}
