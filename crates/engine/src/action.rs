//! The actions that an engine requests, and its answers.

use crate::budget::Grant;
use crate::ids::{ConnectionId, HostId, RequestId, ShardId};
use crate::request::Waiting;

/// An action that the driver must carry out.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
#[must_use]
pub enum Action {
    /// Store the answer of a request until it is taken, and wake the task that waits for it.
    ///
    /// A second answer for the same request, always [`Answer::Cancelled`], replaces the first.
    Answer(RequestId, Answer),
    /// Start an attempt; report its result by `connected` or `failed`.
    Connect(ConnectionId, HostId),
    /// Withdraw an attempt; report `closed` once nothing of it is left.
    Cancel(ConnectionId),
    /// Close an open connection; report `closed` once its descriptor is gone.
    Close(ConnectionId),
    /// Drop a connection that took too long to close, and report `closed`.
    Abandon(ConnectionId),
    /// Pass a message to another shard.
    Send(ShardId, Message),
}

/// A message from one engine to another.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub enum Message {
    /// A permit for a host that claimed it.
    Grant(Grant),
    /// Make room for a claim: withdraw an attempt without owner, or close the connection idle
    /// longest.
    MakeRoom,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A connection is held for it.
    Connection(ConnectionId),
    /// Its attempt failed, or its second new connection ended before it was taken.
    Failed,
    /// Its deadline passed while it waited for this reason.
    TimedOut(Waiting),
    /// The queue was full.
    QueueFull {
        /// The value of `max_queued`.
        max: usize,
    },
    /// It was withdrawn.
    Cancelled,
    /// The manager has been shut down.
    ShutDown,
    /// The runtime that ran the attempts has gone, and the request has ended with it.
    Abandoned,
}

/// The kind of event due at the time that `poll_timeout` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due {
    /// A request has reached its deadline, or its limit for the start of an attempt.
    Request,
    /// An idle connection has reached `keep_alive`.
    KeepAlive,
    /// A connection has reached its lifetime, a closing its time limit, or an attempt without owner
    /// its deadline.
    Connection,
}
