//! The idle watcher's ear: what a connection's waker does while nobody holds the connection.

use futures_task::{ArcWake, WakerRef, waker_ref};
use keepalive_engine::{ConnectionId, ShardId};

use crate::signals::Signals;
use crate::sync::{Arc, AtomicBool, Ordering};

/// Hears from the reactor that something happened to an idle connection, and has the keeper look.
///
/// One is made with each connection and serves it for life: watching costs no task, no timer and
/// no allocation.
#[derive(Debug)]
pub(crate) struct Watch {
    signals: Arc<Signals>,
    shard: ShardId,
    connection: ConnectionId,
    armed: AtomicBool,
    fired: AtomicBool,
}

impl Watch {
    pub(crate) fn new(signals: Arc<Signals>, shard: ShardId, connection: ConnectionId) -> Self {
        Self {
            signals,
            shard,
            connection,
            armed: AtomicBool::new(false),
            fired: AtomicBool::new(false),
        }
    }

    /// The connection that it is of.
    #[inline]
    pub(crate) fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// What the connection is to wake.
    #[inline]
    pub(crate) fn waker(self: &Arc<Self>) -> WakerRef<'_> {
        waker_ref(self)
    }

    /// Listens from now on.
    #[inline]
    pub(crate) fn arm(&self) {
        self.fired.store(false, Ordering::Relaxed);
        self.armed.store(true, Ordering::Release);
    }

    /// Listens no more: the connection has a user, and what happens is the user's.
    #[inline]
    pub(crate) fn disarm(&self) {
        self.armed.store(false, Ordering::Relaxed);
    }

    /// Whether something happened since it was armed.
    #[inline]
    pub(crate) fn has_fired(&self) -> bool {
        self.fired.load(Ordering::Acquire)
    }
}

impl ArcWake for Watch {
    fn wake_by_ref(watch: &Arc<Self>) {
        if watch.armed.swap(false, Ordering::AcqRel) {
            watch.fired.store(true, Ordering::Release);
            watch.signals.look(watch.shard, watch.connection);
        }
    }
}
