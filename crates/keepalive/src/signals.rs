//! How the keeper is told that there is something to do.

use keepalive_engine::{ConnectionId, ShardId, Time};

use crate::runtime::Notify;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// Stands for "none" as the alarm.
const NEVER: u64 = u64::MAX;

/// What the keeper waits for: connections to look at, an earlier deadline, or the end.
#[derive(Debug)]
pub(crate) struct Signals {
    /// When the keeper wakes by itself, in nanoseconds.
    alarm: AtomicU64,
    suspects: Mutex<Vec<(ShardId, ConnectionId)>>,
    ended: AtomicBool,
    notify: Notify,
}

impl Signals {
    pub(crate) fn new() -> Self {
        Self {
            alarm: AtomicU64::new(NEVER),
            suspects: Mutex::default(),
            ended: AtomicBool::new(false),
            notify: Notify::new(),
        }
    }

    /// Has the keeper wake at `at` at the latest. Answers whether it must be told so by
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

    /// Forgets the alarm; the shards set it again as they are looked through.
    pub(crate) fn clear_alarm(&self) {
        self.alarm.store(NEVER, Ordering::Release);
    }

    /// Has the keeper look at a connection.
    pub(crate) fn look(&self, shard: ShardId, connection: ConnectionId) {
        self.suspects.lock().push((shard, connection));
        self.ring();
    }

    /// Takes the connections to look at, leaving an empty list in `into`'s place.
    pub(crate) fn take_suspects(&self, into: &mut Vec<(ShardId, ConnectionId)>) {
        std::mem::swap(&mut *self.suspects.lock(), into);
    }

    /// The manager is gone; the keeper ends.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.ring();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits for the next [`ring`](Self::ring); one that came before counts.
    pub(crate) async fn rung(&self) {
        self.notify.notified().await;
    }
}
