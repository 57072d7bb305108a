//! The tracing span of a connector's run: that of the first waiting request.
//!
//! A manager opens connections for hosts, and a connection goes to the first request that can use
//! it. So an attempt carries no span; it takes one from the waiting requests when it begins.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keepalive::Host;
use tracing::Span;

/// The spans of requests that have not been answered, by host.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    asked: u64,
    hosts: HashMap<Host, Asking>,
}

/// The spans for one host, in the order of their requests.
#[derive(Default)]
struct Asking {
    /// Spans of requests without an attempt so far.
    first: BTreeMap<u64, Span>,
    /// Spans of requests with an attempt or a connection, which may need another.
    again: BTreeMap<u64, Span>,
}

impl Spans {
    /// Records a request for a connection to this host, with the current span, if there is one.
    pub(crate) fn ask(&self, host: &Host) -> Option<Asked> {
        let span = Span::current();
        if span.is_none() {
            return None;
        }
        let mut state = self.lock();
        state.asked += 1;
        let number = state.asked;
        let asking = state.hosts.entry(host.clone()).or_default();
        asking.first.insert(number, span);
        Some(Asked {
            spans: self.clone(),
            host: host.clone(),
            number,
        })
    }

    /// The span of the oldest request without an attempt to this host. If there is none, the span
    /// of the newest request with an attempt or a connection.
    pub(crate) fn take_first(&self, host: &Host) -> Span {
        let mut state = self.lock();
        let span = state.hosts.get_mut(host).and_then(Asking::take_first);
        span.unwrap_or_else(Span::none)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking {
    fn take_first(&mut self) -> Option<Span> {
        let Some((number, span)) = self.first.pop_first() else {
            return self.again.last_key_value().map(|(_, span)| span.clone());
        };
        self.again.insert(number, span.clone());
        Some(span)
    }
}

/// A recorded request; dropping it removes the record.
pub(crate) struct Asked {
    spans: Spans,
    host: Host,
    number: u64,
}

impl Asked {
    /// Records that the request has a connection.
    pub(crate) fn is_served(&self) {
        let mut state = self.spans.lock();
        if let Some(asking) = state.hosts.get_mut(&self.host)
            && let Some(span) = asking.first.remove(&self.number)
        {
            asking.again.insert(self.number, span);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.spans.lock();
        let mut span = None;
        if let Some(asking) = state.hosts.get_mut(&self.host) {
            let again = asking.again.remove(&self.number);
            span = asking.first.remove(&self.number).or(again);
            if asking.first.is_empty() && asking.again.is_empty() {
                state.hosts.remove(&self.host);
            }
        }
        // Dropped without the lock: the end of a span calls its subscriber.
        drop(state);
        drop(span);
    }
}
