//! The state that the owner, the task and the handles of an HTTP/2 connection share.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;

use hyper::client::conn::http2::SendRequest;
use keepalive::{Host, Unusable};

use super::{Ended, Foreign, Venture};
use crate::head::HeadLimits;
use crate::io::Shared;
use crate::lock::lock;
use crate::one_only::OneOnly;
use crate::outgoing::{BoxError, Outgoing};
use crate::resend::is_dropped;

/// hyper's initial stream limit, before the peer's settings arrive. It differs from every number
/// that settings can contain, which has 32 bits, and from the largest, which means no limit.
pub(super) const UNSAID: usize = usize::MAX - 1;

/// The state that all handles share.
pub(crate) struct Session<T> {
    pub(crate) transport: Shared<T>,
    /// `Some` until the connection is retired. It is the only sender, so dropping it returns a
    /// request that hyper's half left unread in its channel as it ended (tokio #8179).
    pub(super) sender: Mutex<Option<SendRequest<Outgoing>>>,
    /// How many streams the peer allows, or [`UNSAID`].
    pub(super) streams: AtomicUsize,
    /// How many streams are allowed until then.
    pub(super) ventured: usize,
    /// Held until then.
    pub(super) venture: Mutex<Option<Venture>>,
    /// How many streams fit into the windows.
    pub(super) room: usize,
    /// The limits on response heads and body trailers; `None` if hyper's settings replace ours.
    pub(crate) limits: Option<HeadLimits>,
    /// Records that the host requires HTTP/1.1, if HTTP/1.1 is allowed.
    pub(super) one_only: Option<(OneOnly, Host)>,
    /// The number of cancelled and failed exchanges.
    pub(super) resets: AtomicUsize,
    /// Whether the peer may be pinged in doubt.
    pub(super) is_doubtful: bool,
    /// The number of requests sent.
    pub(super) sent: AtomicU64,
    /// Whether a PING to the peer is pending or due.
    pub(super) suspect: AtomicBool,
    /// Wakes the task when the peer is suspect; it is always the same.
    pub(super) task: OnceLock<Waker>,
    pub(super) retired: AtomicBool,
    /// The error with which hyper's half ended, if any.
    pub(super) failure: OnceLock<Arc<hyper::Error>>,
    /// Whether requests that waited for a stream at that end never had one.
    pub(super) is_unopened: AtomicBool,
    /// As of [`Executor`].
    pub(super) torn: Arc<AtomicBool>,
    pub(super) watcher: Mutex<Option<Waker>>,
}

impl<T> Session<T> {
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Whether the peer allows any exchange, as far as that is known.
    pub(crate) fn has_place(&self) -> bool {
        self.streams.load(Ordering::Acquire) > 0
    }

    /// Stops the connection from taking exchanges; current ones continue.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        let sender = lock(&self.sender).take();
        drop(sender);
        self.end_venture();
        self.wake();
    }

    /// The peer is silent: it is sent a PING, and the connection takes no further exchange until
    /// any byte arrives.
    pub(super) fn suspect(&self) {
        self.set_suspect(true);
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Acquire)
    }

    pub(super) fn set_suspect(&self, suspect: bool) {
        if self.suspect.swap(suspect, Ordering::AcqRel) != suspect {
            self.wake();
        }
    }

    /// The reason why a retired or closed connection takes no exchange.
    pub(super) fn why_unusable(&self) -> Unusable {
        let Some(failure) = self.failure.get() else {
            let error = self.explain(Unusable::Closed.to_string().into());
            return match error.is::<Foreign>() {
                true => Unusable::Failed(io::Error::new(io::ErrorKind::UnexpectedEof, error)),
                false => Unusable::Closed,
            };
        };
        let ended = Ended::new(failure);
        let kind = ended.kind();
        Unusable::Failed(io::Error::new(kind, self.explain(ended.into())))
    }

    /// Adds to the error of a connection that its server does not use HTTP/2, if so. A user of
    /// hyper's settings gets hyper's error unchanged.
    pub(super) fn explain(&self, error: BoxError) -> BoxError {
        if self.limits.is_none() {
            return error;
        }
        let (beginning, length) = self.transport.beginning();
        Foreign::explain(error, &beginning[..length])
    }

    /// The exceeded limit, if that is the reason why a request failed.
    pub(super) fn excess(&self, error: &hyper::Error) -> Option<BoxError> {
        if let Some(refused) = self.transport.refused() {
            return Some(refused.into());
        }
        self.limits?.stream_refused(error)
    }

    /// Records the peer's current limit on streams.
    pub(super) fn set_streams(&self, streams: usize) {
        let changed = self.streams.swap(streams, Ordering::AcqRel) != streams;
        if changed {
            self.end_venture();
            self.wake();
        }
    }

    /// Whether a request failed with this error because it never had a stream.
    pub(super) fn is_unopened(&self, error: &hyper::Error) -> bool {
        is_dropped(error)
            && self.is_unopened.load(Ordering::Acquire)
            && !self.torn.load(Ordering::Acquire)
    }

    fn end_venture(&self) {
        let venture = lock(&self.venture).take();
        drop(venture);
    }

    pub(super) fn wake(&self) {
        let watcher = lock(&self.watcher).take();
        if let Some(watcher) = watcher {
            watcher.wake();
        }
    }
}
