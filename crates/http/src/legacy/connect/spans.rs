//! The tracing span of a connector's run: that of the first waiting request.
//!
//! A manager opens connections for hosts, and a connection goes to the first request that can use
//! it. So an attempt carries no span; it takes one from the waiting requests when it begins.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use keepalive::Host;
use tracing::Span;

use crate::lock::lock;

/// The spans of requests that have not been answered, by host.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    asked: u64,
    hosts: HashMap<Host, Asking>,
}

/// The spans for one host, each with the number of its request. Those of requests with an attempt
/// or a connection, which may need another, are `true` and come last.
type Asking = BTreeMap<(bool, u64), Span>;

impl Spans {
    /// Records a request for a connection to this host, with the current span, if there is one.
    pub(crate) fn ask(&self, host: &Host) -> Option<Asked> {
        let span = Span::current();
        if span.is_none() {
            return None;
        }
        let mut state = lock(&self.0);
        state.asked += 1;
        let number = state.asked;
        let asking = state.hosts.entry(host.clone()).or_default();
        asking.insert((false, number), span);
        Some(Asked {
            spans: self.clone(),
            host: host.clone(),
            number,
        })
    }

    /// The span of the oldest request without an attempt to this host. If there is none, the span
    /// of the newest request with an attempt or a connection.
    pub(crate) fn take_first(&self, host: &Host) -> Span {
        let mut state = lock(&self.0);
        let span = state.hosts.get_mut(host).and_then(|asking| {
            let first = asking.first_entry()?;
            let (has_attempt, number) = *first.key();
            if has_attempt {
                return asking.last_key_value().map(|(_, span)| span.clone());
            }
            let span = first.remove();
            asking.insert((true, number), span.clone());
            Some(span)
        });
        span.unwrap_or_else(Span::none)
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
        let mut state = lock(&self.spans.0);
        if let Some(asking) = state.hosts.get_mut(&self.host)
            && let Some(span) = asking.remove(&(false, self.number))
        {
            asking.insert((true, self.number), span);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = lock(&self.spans.0);
        let mut span = None;
        if let Some(asking) = state.hosts.get_mut(&self.host) {
            let again = asking.remove(&(true, self.number));
            span = asking.remove(&(false, self.number)).or(again);
            if asking.is_empty() {
                state.hosts.remove(&self.host);
            }
        }
        // Dropped without the lock: the end of a span calls its subscriber.
        drop(state);
        drop(span);
    }
}
