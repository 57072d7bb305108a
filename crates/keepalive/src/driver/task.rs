//! The task that opens or closes a connection.

use crate::api::host::Host;
use crate::driver::deferred::Stop;
use crate::sync::Arc;

/// A task that opens or closes a connection, from the decision to start it to its report.
pub(super) struct Running {
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
    /// A task that is about to start.
    pub(super) fn expected(task: Task, host: Option<Host>, since: u64) -> Self {
        Self {
            task,
            host,
            since,
            stop: None,
            unwanted: false,
        }
    }

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
