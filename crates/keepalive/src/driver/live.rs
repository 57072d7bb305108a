//! An open connection and what the driver keeps beside it.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use keepalive_engine::{Capacity, ConnectionId, FromCache, RequestId, ShardId, Time};

use crate::connect::{Connection, Connector, Unusable};
use crate::contain::contain;
use crate::host::Host;
use crate::signals::Signals;
use crate::sync::Arc;
use crate::watch::Watch;

/// An open connection. It travels between its shard and its users as one box, so that a hit
/// allocates nothing.
///
/// The manager calls a connection's own code through here alone: a panic of it counts as a
/// failure of the connection, and loses no slot.
pub(crate) struct Live<C: Connector> {
    pub(crate) io: C::Connection,
    pub(crate) host: Host,
    /// Whose it is, or was last, and how it came to them.
    pub(crate) request: RequestId,
    pub(crate) from_cache: Option<FromCache>,
    role: Role,
    /// The number of the runtime that hears of it.
    era: u64,
    /// What the engine was told last.
    capacity: Capacity,
    /// Whether it is known to be of no use.
    spent: bool,
    /// When it was looked at last: as it came back, or as it became idle when it was new.
    seen: Option<Time>,
    watch: Arc<Watch>,
}

/// A connection that has been here for longer than this is asked with a system call before it is
/// handed out (C4).
const TRUSTED: Duration = Duration::from_millis(1);

/// How a connection is lent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// As a whole, to one user at a time.
    Sole,
    /// It stays in its shard, and its users have handles. Once so, always so.
    Main,
    /// It is such a handle.
    Handle,
}

impl<C: Connector> Live<C> {
    pub(crate) fn new(
        io: C::Connection,
        signals: &Arc<Signals>,
        shard: ShardId,
        id: ConnectionId,
        era: u64,
        host: Host,
    ) -> Self {
        let mut live = Self {
            io,
            host,
            request: RequestId::outside(0, shard),
            from_cache: None,
            role: Role::Sole,
            era,
            capacity: Capacity::One,
            spent: false,
            seen: None,
            watch: Arc::new(Watch::new(Arc::clone(signals), shard, id)),
        };
        let (leases, provisional) = live.says();
        if let Some(handle) = live.share() {
            handle.discard();
            live.role = Role::Main;
        }
        // One that gives no handle any more is still of a kind that is shared.
        if live.is_main() || leases != 1 || provisional {
            live.capacity = Capacity::Shared(1);
        }
        live.changed_capacity();
        // The engine takes none for one, for the request that it was opened for, and is to hear of it
        // when that comes back.
        if leases == 0 && live.is_main() {
            live.capacity = Capacity::Provisional(1);
        }
        live
    }

    #[inline]
    pub(crate) fn id(&self) -> ConnectionId {
        self.watch.connection()
    }

    /// The number of the runtime that hears of it.
    #[inline]
    pub(crate) fn era(&self) -> u64 {
        self.era
    }

    /// Whether it is one of several handles on a connection that stays in its shard.
    pub(crate) fn is_handle(&self) -> bool {
        self.role == Role::Handle
    }

    /// Whether it stays in its shard, and its users get handles.
    pub(crate) fn is_main(&self) -> bool {
        self.role == Role::Main
    }

    /// How many leases it can carry, as the engine was told last.
    pub(crate) fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// How many leases it can carry now, if that has changed.
    #[inline]
    pub(crate) fn changed_capacity(&mut self) -> Option<Capacity> {
        let (leases, provisional) = self.says();
        if self.role == Role::Sole {
            if (leases, provisional) == (1, false) {
                return None;
            }
            // Without handles it has one user at a time, whatever it says.
            self.share()?.discard();
            self.role = Role::Main;
        }
        let capacity = match provisional {
            true => Capacity::Provisional(leases),
            false => Capacity::Shared(leases),
        };
        if capacity == self.capacity {
            return None;
        }
        self.capacity = capacity;
        Some(capacity)
    }

    #[inline]
    fn says(&self) -> (usize, bool) {
        let io = &self.io;
        contain(|| (io.capacity(), io.is_provisional())).unwrap_or((1, false))
    }

    /// A handle for a lease. `None` if the connection gives none, or not any more.
    pub(crate) fn share(&self) -> Option<Box<Self>> {
        let io = &self.io;
        let io = contain(|| io.share())??;
        Some(Box::new(Self {
            io,
            host: self.host.clone(),
            request: self.request,
            from_cache: self.from_cache,
            role: Role::Handle,
            era: self.era,
            capacity: self.capacity,
            spent: false,
            seen: None,
            watch: Arc::clone(&self.watch),
        }))
    }

    /// Starts to watch, and answers at once if it is of no use.
    pub(crate) fn watch(&mut self) -> Poll<()> {
        self.watch.arm();
        let waker = self.watch.waker();
        let mut context = Context::from_waker(&waker);
        let io = &mut self.io;
        let poll = contain(|| io.poll_unusable(&mut context));
        if poll.is_none_or(|poll| poll.is_ready()) {
            self.spent = true;
        }
        if self.spent {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// The user has it, and what happens to it is the user's.
    #[inline]
    pub(crate) fn stop_watching(&self) {
        self.watch.disarm();
    }

    /// It is here from now on, and was looked at.
    #[inline]
    pub(crate) fn is_seen(&mut self, now: Time) {
        self.seen = Some(now);
    }

    /// Whether something may have happened to it since it was looked at.
    #[inline]
    pub(crate) fn is_suspect(&self) -> bool {
        self.spent || self.watch.has_fired()
    }

    /// Whether it was looked at so long ago that it may have gone unnoticed.
    #[inline]
    pub(crate) fn is_stale(&self, now: Time) -> bool {
        self.seen
            .is_some_and(|seen| now.saturating_duration_since(seen) > TRUSTED)
    }

    /// Asks the system whether it is of use.
    pub(crate) fn check(&mut self) -> Result<(), Unusable> {
        if self.spent {
            return Err(Unusable::Closed);
        }
        let io = &mut self.io;
        let checked = contain(|| io.check()).unwrap_or_else(|| {
            let panicked = io::Error::other("the connection panicked");
            Err(Unusable::Failed(panicked))
        });
        // Others may have been promised it.
        self.spent = checked.is_err();
        checked
    }

    /// Why it is of no use, of one that is known not to be, and that nobody gets from now on.
    pub(crate) fn why_unusable(&mut self) -> Unusable {
        self.spent = true;
        let io = &mut self.io;
        let checked = contain(|| io.check()).unwrap_or(Ok(()));
        checked.err().unwrap_or(Unusable::Closed)
    }

    /// Goes on closing it.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let io = &mut self.io;
        contain(|| io.poll_close(context)).unwrap_or(Poll::Ready(()))
    }

    /// Drops it: its descriptor is gone when this returns.
    pub(crate) fn discard(self: Box<Self>) {
        // What a panic leaves of it is not ours to save.
        contain(move || drop(self));
    }
}
