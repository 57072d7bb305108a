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

/// A lookup of a name's addresses.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub(crate) name: String,
    pub(crate) families: Families,
    pub(crate) span: Span,
    pub(crate) end: LookupEnd,
}

#[derive(Clone, Debug)]
pub(crate) enum LookupEnd {
    Open,
    /// A connection was open before its answer.
    GivenUp,
    /// The probe ended before its outcome.
    Unanswered,
    Found(Origin, Vec<IpAddr>),
    Failed(Origin, ConnectError),
}

/// An attempt to connect to an address.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) address: SocketAddr,
    pub(crate) span: Span,
    pub(crate) end: TryEnd,
}

#[derive(Clone, Debug)]
pub(crate) enum TryEnd {
    Open,
    /// Another attempt was faster.
    GivenUp,
    /// The probe ended before its outcome.
    Unanswered,
    Connected,
    Failed(ConnectError),
}

impl Path {
    fn note(&mut self, now: Duration, event: PathEvent<'_>) {
        let span = Span { from: now, to: now };
        match event {
            PathEvent::ByProxy(proxy) => self.proxy = Some(proxy.to_string()),
            PathEvent::LookingUp { name, families } => self.lookups.push(Lookup {
                name: name.to_owned(),
                families,
                span,
                end: LookupEnd::Open,
            }),
            PathEvent::Found {
                name,
                families,
                origin,
                addresses,
            } => {
                let end = LookupEnd::Found(origin, addresses.to_vec());
                self.looked_up(now, name, families, end);
            }
            PathEvent::NotFound {
                name,
                families,
                origin,
                error,
            } => {
                let end = LookupEnd::Failed(origin, error.clone());
                self.looked_up(now, name, families, end);
            }
            PathEvent::Connecting(address) => self.tries.push(Try {
                address,
                span,
                end: TryEnd::Open,
            }),
            PathEvent::Connected(address) => {
                self.tried(now, address, TryEnd::Connected);
                self.end_all(now, &LookupEnd::GivenUp, &TryEnd::GivenUp);
            }
            PathEvent::Failed(address, error) => {
                self.tried(now, address, TryEnd::Failed(error.clone()));
            }
            _ => {}
        }
    }

    fn looked_up(&mut self, now: Duration, name: &str, families: Families, end: LookupEnd) {
        let open = self.lookups.iter_mut().find(|lookup| {
            let same = lookup.name == name && lookup.families == families;
            same && matches!(lookup.end, LookupEnd::Open)
        });
        if let Some(lookup) = open {
            lookup.span.to = now;
            lookup.end = end;
        }
    }

    fn tried(&mut self, now: Duration, address: SocketAddr, end: TryEnd) {
        let open = self
            .tries
            .iter_mut()
            .find(|one| one.address == address && matches!(one.end, TryEnd::Open));
        match open {
            Some(one) => {
                one.span.to = now;
                one.end = end;
            }
            None => self.tries.push(Try {
                address,
                span: Span { from: now, to: now },
                end,
            }),
        }
    }

    /// Ends all open lookups and attempts.
    fn end_all(&mut self, now: Duration, lookup_end: &LookupEnd, try_end: &TryEnd) {
        for lookup in &mut self.lookups {
            if matches!(lookup.end, LookupEnd::Open) {
                lookup.span.to = now;
                lookup.end = lookup_end.clone();
            }
        }
        for one in &mut self.tries {
            if matches!(one.end, TryEnd::Open) {
                one.span.to = now;
                one.end = try_end.clone();
            }
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
        path.end_all(now, &LookupEnd::Unanswered, &TryEnd::Unanswered);
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
        assert!(matches!(path.lookups[0].end, LookupEnd::GivenUp));
        let [slow, quick] = &path.tries[..] else {
            panic!("{path:?}");
        };
        assert!(matches!(slow.end, TryEnd::GivenUp), "{slow:?}");
        assert!(matches!(quick.end, TryEnd::Connected), "{quick:?}");
        assert_eq!(slow.span.to, after(5));
        assert_eq!(quick.span.from, after(2));
    }

    #[test]
    fn an_attempt_open_at_the_end_of_a_probe_is_unanswered() {
        let recorder = Recorder::new();
        recorder.note(PathEvent::Connecting(SLOW));
        let (path, took) = recorder.finish();
        assert!(matches!(path.tries[0].end, TryEnd::Unanswered));
        assert_eq!(path.tries[0].span.to, took);
    }
}
