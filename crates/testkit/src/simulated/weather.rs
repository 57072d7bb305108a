//! The operations of the network, how each ends, and how long it takes.

/// An operation that the network performs for a manager; each may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Resolve,
    Connect,
    Handshake,
    Check,
    Watch,
    Capacity,
    Share,
    Close,
    Drop,
}

impl Operation {
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Handshake => "tls",
            Self::Check => "check",
            Self::Watch => "watch",
            Self::Capacity => "capacity",
            Self::Share => "share",
            Self::Close => "close",
            Self::Drop => "drop",
        }
    }

    /// Whether it can go wrong in this way.
    pub fn may(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Fine | Verdict::Panics => true,
            Verdict::Fails => !matches!(self, Self::Capacity | Self::Close | Self::Drop),
            Verdict::Hangs => matches!(
                self,
                Self::Resolve | Self::Connect | Self::Handshake | Self::Close
            ),
        }
    }
}

/// The outcome of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    Fails,
    Panics,
    /// It never ends.
    Hangs,
}

/// The duration of an operation: first so many turns of the event loop, and then so many
/// milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delay {
    pub turns: usize,
    pub millis: u64,
}

/// Decides about operations. The number names the host for operations of attempts, the connection
/// for all others.
pub trait Weather: Send + 'static {
    fn verdict(&mut self, operation: Operation, number: usize) -> Verdict;

    fn delay(&mut self, operation: Operation, number: usize) -> Delay;

    /// How many leases a new connection carries.
    fn capacity(&mut self) -> usize {
        1
    }

    /// The system's error number of a failed attempt.
    fn error_number(&mut self) -> i32 {
        111
    }

    /// Whether a connection wakes its watcher during a poll.
    fn is_restless(&mut self) -> bool {
        false
    }
}
