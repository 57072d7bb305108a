//! Wake-ups of the maintenance task.

use keepalive_engine::{ConnectionId, ShardId, Time};

use crate::runtime::Notify;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// Stands for "none" as the alarm.
const NEVER: u64 = u64::MAX;

/// The reasons to wake the maintenance task: connections to look at, an earlier deadline, or the
/// end of the manager.
#[derive(Debug)]
pub(crate) struct Wakeups {
    /// When the maintenance task wakes by itself, in nanoseconds.
    alarm: AtomicU64,
    suspects: Mutex<Vec<(ShardId, ConnectionId)>>,
    ended: AtomicBool,
    notify: Notify,
}

impl Wakeups {
    pub(crate) fn new() -> Self {
        Self {
            alarm: AtomicU64::new(NEVER),
            suspects: Mutex::default(),
            ended: AtomicBool::new(false),
            notify: Notify::new(),
        }
    }

    /// Makes the maintenance task wake at `at` at the latest. Returns whether the caller must
    /// [`ring`](Self::ring), outside of all locks.
    pub(crate) fn set_alarm(&self, at: Time) -> bool {
        let nanos = at.nanos();
        nanos < self.alarm.load(Ordering::Relaxed)
            && nanos < self.alarm.fetch_min(nanos, Ordering::AcqRel)
    }

    pub(crate) fn ring(&self) {
        self.notify.notify_one();
    }

    pub(crate) fn alarm(&self) -> Option<Time> {
        let nanos = self.alarm.load(Ordering::Acquire);
        (nanos != NEVER).then(|| Time::from_nanos(nanos))
    }

    /// Clears the alarm; the tick of each shard sets it again.
    pub(crate) fn clear_alarm(&self) {
        self.alarm.store(NEVER, Ordering::Release);
    }

    /// Makes the maintenance task look at a connection.
    pub(crate) fn look(&self, shard: ShardId, connection: ConnectionId) {
        self.suspects.lock().push((shard, connection));
        self.ring();
    }

    /// Takes the connections to look at, and leaves the empty list of `into` in their place.
    pub(crate) fn take_suspects(&self, into: &mut Vec<(ShardId, ConnectionId)>) {
        std::mem::swap(&mut *self.suspects.lock(), into);
    }

    /// Ends the maintenance task, because the manager is gone.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.ring();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits for the next [`ring`](Self::ring); an earlier one without a waiter counts.
    pub(crate) async fn rung(&self) {
        self.notify.notified().await;
    }
}
