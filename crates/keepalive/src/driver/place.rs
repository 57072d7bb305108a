//! The place of a connection: with its user, in its shard, or in a task.

use keepalive_engine::ConnectionId;

use crate::api::host::Host;
use crate::connect::Connector;
use crate::driver::deferred::Stop;
use crate::driver::live::Live;
use crate::sync::Arc;

/// The place of a connection.
#[derive(Default)]
pub(super) enum Place<C: Connector> {
    /// With its user, or not open.
    #[default]
    Away,
    /// In this shard.
    Here(Box<Live<C>>),
    /// In a task that opens or closes it.
    Task(Box<Running>),
}

/// A task that opens or closes a connection.
pub(super) struct Running {
    pub(super) id: ConnectionId,
    pub(super) task: Task,
    /// The destination of a task that opens.
    pub(super) host: Option<Host>,
    /// A report counts if it comes from a runtime after this one.
    pub(super) since: u64,
    /// Stops the task, with the number of its runtime; `Some` once the task has started.
    pub(super) stop: Option<(u64, Arc<Stop>)>,
    /// Whether to stop the task as soon as it has started.
    pub(super) unwanted: bool,
}

impl Running {
    /// Whether it opens a connection that is still wanted.
    pub(super) fn opens(&self) -> bool {
        self.task == Task::Connect && !self.unwanted
    }
}

/// The decision about a task that has started.
pub(crate) enum Started {
    /// The task continues.
    GoesOn,
    /// The task must be stopped.
    Unwanted,
    /// The task's runtime is no longer the home, so the task must be removed.
    Past,
}

/// The work of a task on a connection. A connection has both in its life, one after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Connect,
    Close,
}
