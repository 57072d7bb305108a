//! An open connection with the driver's data about it.

use std::io;
use std::task::{Context, Poll};

use keepalive_engine::{Capacity, ConnectionId, FromCache, RequestId, ShardId, Time};

use crate::api::host::Host;
use crate::connect::{Connection, Connector, Unusable};
use crate::driver::deferred::catch_panic;
use crate::driver::wakeups::Wakeups;
use crate::driver::watch::Watch;
use crate::sync::Arc;

/// An open connection. It moves between its shard and its users as one box, so that a hit allocates
/// nothing.
///
/// The manager calls a connection's own code only from here. A panic of that code counts as a
/// failure of the connection, and loses no permit.
///
/// A hit reads the fields in front; with the fixed order they share a cache line.
#[repr(C)]
pub(crate) struct Live<C: Connector> {
    watch: Arc<Watch>,
    /// Time of the last look: as it came back, or as it became idle when it was new.
    seen: Option<Time>,
    /// The present or last request, and how the connection came to it.
    pub(crate) request: RequestId,
    pub(crate) from_cache: Option<FromCache>,
    role: Role,
    /// Whether it is known to be unusable.
    spent: bool,
    /// The capacity last reported to the engine.
    capacity: Capacity,
    pub(crate) io: C::Connection,
}

/// A connection whose last look is older than this is checked with a system call before it is
/// handed out (C4).
const TRUSTED: u64 = 1_000_000; // nanoseconds

/// How a connection is leased.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// As a whole, to one user at a time.
    Sole,
    /// It stays in its shard, and its users have handles. This never changes back.
    Main,
    /// A handle on such a connection.
    Handle,
}

impl<C: Connector> Live<C> {
    pub(crate) fn new(
        io: C::Connection,
        wakeups: &Arc<Wakeups>,
        shard: ShardId,
        id: ConnectionId,
        generation: u64,
        host: Host,
    ) -> Self {
        let mut live = Self {
            io,
            request: RequestId::outside(0, shard),
            from_cache: None,
            role: Role::Sole,
            capacity: Capacity::One,
            spent: false,
            seen: None,
            watch: Arc::new(Watch::new(Arc::clone(wakeups), shard, id, host, generation)),
        };
        let (leases, provisional) = live.says();
        if let Some(handle) = live.share() {
            handle.discard();
            live.role = Role::Main;
        }
        // A connection that gives no handle any more still counts as shared.
        if live.is_main() || leases != 1 || provisional {
            live.capacity = Capacity::Shared(1);
        }
        live.changed_capacity();
        // The engine counts a capacity of 0 as 1, for the request that the connection was opened
        // for. With 1 recorded here, the next look reports the 0.
        if leases == 0 && live.is_main() {
            live.capacity = Capacity::Provisional(1);
        }
        live
    }

    #[inline]
    pub(crate) fn id(&self) -> ConnectionId {
        self.watch.connection()
    }

    #[inline]
    pub(crate) fn host(&self) -> &Host {
        self.watch.host()
    }

    /// The number of the runtime that delivers its events.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.watch.generation()
    }

    /// Whether it is a handle on a connection that stays in its shard.
    pub(crate) fn is_handle(&self) -> bool {
        self.role == Role::Handle
    }

    /// Whether it has one user at a time, and nothing about it has changed.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.role == Role::Sole && !self.is_suspect() && self.says() == (1, false)
    }

    /// Whether it stays in its shard, and its users get handles.
    pub(crate) fn is_main(&self) -> bool {
        self.role == Role::Main
    }

    /// How many leases it can carry, as last reported to the engine.
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
            // Without handles it has one user at a time, whatever its capacity.
            self.share()?.discard();
            self.role = Role::Main;
        }
        let capacity = match provisional {
            true => Capacity::provisional(leases),
            false => Capacity::shared(leases),
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
        catch_panic(|| (io.capacity(), io.is_provisional())).unwrap_or((1, false))
    }

    /// A handle for a lease. `None` if the connection gives none, or none any more.
    pub(crate) fn share(&self) -> Option<Box<Self>> {
        let io = &self.io;
        let io = catch_panic(|| io.share())??;
        Some(Box::new(Self {
            io,
            request: self.request,
            from_cache: self.from_cache,
            role: Role::Handle,
            capacity: self.capacity,
            spent: false,
            seen: None,
            watch: Arc::clone(&self.watch),
        }))
    }

    /// Starts to watch; ready at once if the connection is unusable.
    pub(crate) fn watch(&mut self) -> Poll<()> {
        self.watch.arm();
        let waker = self.watch.waker();
        let mut context = Context::from_waker(&waker);
        let io = &mut self.io;
        let poll = catch_panic(|| io.poll_unusable(&mut context));
        if poll.is_none_or(|poll| poll.is_ready()) {
            self.spent = true;
        }
        if self.spent {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Stops watching, because the user handles events from now on.
    #[inline]
    pub(crate) fn stop_watching(&self) {
        self.watch.disarm();
    }

    /// Records a look at the connection.
    #[inline]
    pub(crate) fn mark_seen(&mut self, now: Time) {
        self.seen = Some(now);
    }

    /// Whether an event may have occurred since the last look.
    #[inline]
    pub(crate) fn is_suspect(&self) -> bool {
        self.spent || self.watch.has_fired()
    }

    /// Whether the last look is too old to be trusted.
    #[inline]
    pub(crate) fn is_stale(&self, now: Time) -> bool {
        self.seen
            .is_some_and(|seen| now.nanos().saturating_sub(seen.nanos()) > TRUSTED)
    }

    /// Whether it must be checked before it is handed out: an event may have occurred, or the last
    /// look is too old (C4).
    #[inline]
    pub(crate) fn is_doubtful(&self, now: Time) -> bool {
        self.is_suspect() || self.is_stale(now)
    }

    /// Checks with the system whether it is usable.
    pub(crate) fn check(&mut self) -> Result<(), Unusable> {
        if self.spent {
            return Err(Unusable::Closed);
        }
        let io = &mut self.io;
        catch_panic(|| io.check()).unwrap_or_else(|| {
            let panicked = io::Error::other("the connection panicked");
            Err(Unusable::Failed(panicked))
        })
    }

    /// The reason why the connection is unusable. It is not handed out any more, and other requests
    /// may have been assigned it.
    pub(crate) fn why_unusable(&mut self) -> Unusable {
        self.spent = true;
        let io = &mut self.io;
        let checked = catch_panic(|| io.check()).unwrap_or(Ok(()));
        checked.err().unwrap_or(Unusable::Closed)
    }

    /// Continues to close it.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let io = &mut self.io;
        catch_panic(|| io.poll_close(context)).unwrap_or(Poll::Ready(()))
    }

    /// Drops it: its descriptor is closed when this returns.
    pub(crate) fn discard(self: Box<Self>) {
        // A panic of its drop must not reach the caller.
        catch_panic(move || drop(self));
    }
}
