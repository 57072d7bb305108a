//! The waker of a connection without a user.

use futures_task::{ArcWake, WakerRef, waker_ref};
use keepalive_engine::{ConnectionId, ShardId};

use crate::api::host::Host;
use crate::driver::wakeups::Wakeups;
use crate::sync::{Arc, AtomicBool, Ordering};

/// Receives the reactor's event for an idle connection, and makes the maintenance task look at it.
///
/// Each connection has one for life: watching costs no task, no timer and no allocation.
///
/// A hit reads the fields in front; with the fixed order they share a cache line.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Watch {
    connection: ConnectionId,
    fired: AtomicBool,
    armed: AtomicBool,
    shard: ShardId,
    /// The number of the runtime that delivers the events. Half of its bits suffice, and a connection
    /// is eight bytes smaller.
    generation: u32,
    wakeups: Arc<Wakeups>,
    host: Host,
}

impl Watch {
    pub(crate) fn new(
        wakeups: Arc<Wakeups>,
        shard: ShardId,
        connection: ConnectionId,
        host: Host,
        generation: u64,
    ) -> Self {
        Self {
            connection,
            fired: AtomicBool::new(false),
            armed: AtomicBool::new(false),
            shard,
            generation: u32::try_from(generation).unwrap_or(u32::MAX),
            wakeups,
            host,
        }
    }

    /// The watched connection.
    #[inline]
    pub(crate) fn connection(&self) -> ConnectionId {
        self.connection
    }

    #[inline]
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// The number of the runtime that delivers its events.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        u64::from(self.generation)
    }

    /// The waker for the connection.
    #[inline]
    pub(crate) fn waker(self: &Arc<Self>) -> WakerRef<'_> {
        waker_ref(self)
    }

    /// Starts to listen.
    #[inline]
    pub(crate) fn arm(&self) {
        self.fired.store(false, Ordering::Relaxed);
        self.armed.store(true, Ordering::Release);
    }

    /// Stops listening, because the user of the connection handles events now.
    #[inline]
    pub(crate) fn disarm(&self) {
        self.armed.store(false, Ordering::Relaxed);
    }

    /// Whether an event has occurred since it was armed.
    #[inline]
    pub(crate) fn has_fired(&self) -> bool {
        self.fired.load(Ordering::Acquire)
    }
}

impl ArcWake for Watch {
    fn wake_by_ref(watch: &Arc<Self>) {
        if watch.armed.swap(false, Ordering::AcqRel) {
            watch.fired.store(true, Ordering::Release);
            watch.wakeups.look(watch.shard, watch.connection);
        }
    }
}
