//! An open connection and what the driver keeps beside it.

use std::task::{Context, Poll, Waker};

use keepalive_engine::{ConnectionId, ShardId};

use crate::connect::{Connection, Connector, Unusable};
use crate::signals::Signals;
use crate::sync::Arc;
use crate::watch::Watch;

/// An open connection. It travels between its shard and its users as one box, so that a hit
/// allocates nothing.
pub(crate) struct Live<C: Connector> {
    pub(crate) io: C::Connection,
    pub(crate) id: ConnectionId,
    /// Whether this is one of several handles on a connection that stays in its shard.
    pub(crate) shared: bool,
    /// What the engine was told last.
    capacity: usize,
    watch: Arc<Watch>,
    waker: Waker,
}

impl<C: Connector> Live<C> {
    pub(crate) fn new(
        io: C::Connection,
        signals: &Arc<Signals>,
        shard: ShardId,
        id: ConnectionId,
    ) -> Self {
        let watch = Arc::new(Watch::new(Arc::clone(signals), shard, id));
        Self {
            io,
            id,
            shared: false,
            capacity: 1,
            waker: watch.waker(),
            watch,
        }
    }

    /// How many leases it can carry, as the engine is to be told.
    pub(crate) fn capacity(&mut self) -> usize {
        self.capacity = match self.io.capacity() {
            0 | 1 => 1,
            several if self.io.share().is_some() => several,
            _ => 1,
        };
        self.capacity
    }

    /// The same, if it is not what the engine was told last.
    pub(crate) fn changed_capacity(&mut self) -> Option<usize> {
        let before = self.capacity;
        (self.io.capacity().max(1) != before)
            .then(|| self.capacity())
            .filter(|&now| now != before)
    }

    /// Another handle for a lease, if the connection carries several and stays in its shard.
    pub(crate) fn share_if_several(&self) -> Option<Box<Self>> {
        if self.capacity == 1 {
            return None;
        }
        Some(Box::new(Self {
            io: self.io.share()?,
            id: self.id,
            shared: true,
            capacity: self.capacity,
            watch: Arc::clone(&self.watch),
            waker: self.waker.clone(),
        }))
    }

    /// Starts to watch, and answers at once if there is nothing left to watch.
    pub(crate) fn watch(&mut self) -> Poll<Unusable> {
        self.watch.arm();
        self.io.poll_unusable(&mut Context::from_waker(&self.waker))
    }

    /// A user takes it out of its shard.
    pub(crate) fn stop_watching_unless_shared(&self) {
        if self.capacity == 1 {
            self.stop_watching();
        }
    }

    /// The user has it, and what happens to it is the user's.
    pub(crate) fn stop_watching(&self) {
        self.watch.disarm();
    }

    /// Whether something has happened to it since it is watched.
    pub(crate) fn is_suspect(&self) -> bool {
        self.watch.has_fired()
    }
}
