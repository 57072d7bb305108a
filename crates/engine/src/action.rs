//! What an engine wants done.

use crate::budget::Grant;
use crate::ids::{ConnectionId, HostId, RequestId, ShardId};
use crate::request::Waiting;

/// One thing that the driver has to do.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
#[must_use]
pub enum Action {
    /// Keep the answer of a request until it is taken, and wake whoever waits for it.
    ///
    /// A second answer for the same request, always [`Answer::Cancelled`], replaces the first.
    Answer(RequestId, Answer),
    /// Start an attempt; report it by `connected` or `failed`.
    Connect(ConnectionId, HostId),
    /// Withdraw an attempt; report `closed` once nothing of it is left.
    Cancel(ConnectionId),
    /// Close an open connection; report `closed` once its descriptor is gone.
    Close(ConnectionId),
    /// A closing connection has had its time: drop it, and report `closed`.
    Abandon(ConnectionId),
    /// Tell another shard.
    Tell(ShardId, Message),
}

/// What one engine wants of another.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub enum Message {
    /// A slot for a host that claimed it.
    Grant(Grant),
    /// Close the connection idle longest: somebody needs room.
    MakeRoom,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A connection is held for it.
    Connection(ConnectionId),
    /// Its attempt failed, or twice what was opened went before it was taken.
    Failed,
    /// Its deadline passed while it waited for this.
    TimedOut(Waiting),
    /// The queue was full.
    QueueFull {
        /// What `max_queued` allows.
        max: usize,
    },
    /// It was withdrawn.
    Cancelled,
    /// The manager has been shut down.
    ShutDown,
    /// What served the attempts has gone, and the request with it.
    Abandoned,
}

/// What is due at the time that `poll_timeout` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due {
    /// A request must be answered, or an attempt of its own must have started.
    Request,
    /// An idle connection has been kept long enough.
    KeepAlive,
    /// A connection has reached its lifetime, its closing its time, or an attempt without owner its end.
    Connection,
}
