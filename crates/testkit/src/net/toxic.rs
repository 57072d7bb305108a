//! The faults of a proxy.

use std::fmt;
use std::time::Duration;

/// One thing that goes wrong; several can be at work at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toxic {
    /// Every piece is late, by `delay` and up to `jitter` more.
    Latency { delay: Duration, jitter: Duration },
    /// Both directions together carry no more.
    Bandwidth { bytes_per_second: u32 },
    /// What is passed on comes in pieces of so many bytes.
    Slicer { bytes: usize },
    /// Something happens at one place, on so many of a hundred connections.
    Fault {
        deed: Deed,
        place: Place,
        percent: u8,
    },
    /// The port refuses connections, for as long as it listens in between.
    Refuse { every: Duration },
    /// Each connection waits before it is accepted, in a queue of so many.
    SlowAccept { delay: Duration, backlog: i32 },
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is reset.
    Reset,
    /// It is closed.
    Close,
    /// It is closed in the direction of the client alone.
    HalfClose,
    /// Nothing is read or written any more; the sockets stay.
    Stall,
    /// What the client sends is read and forgotten; the sockets stay.
    Swallow,
    /// The client is sent an answer that it has not asked for.
    Stray,
}

/// Where it happens. Places within an exchange are those of the first to third one of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// As soon as it is accepted.
    Accept,
    /// When so many bytes of a request have been read.
    Request(usize),
    /// When so many bytes of a response have been passed on.
    Response(usize),
    /// Right after a response; what is sent goes with its last bytes.
    AfterResponse,
    /// So long after a response.
    Idle(Duration),
    /// When the next request begins.
    Reuse,
}

impl Toxic {
    pub(super) fn fault(deed: Deed, place: Place, percent: u8) -> Self {
        Self::Fault {
            deed,
            place,
            percent,
        }
    }

    /// Whether it changes when and in which pieces bytes arrive.
    pub(super) fn is_shape(&self) -> bool {
        matches!(
            self,
            Self::Latency { .. } | Self::Bandwidth { .. } | Self::Slicer { .. }
        )
    }
}

impl fmt::Display for Toxic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency { delay, .. } => write!(f, "latency-{}ms", delay.as_millis()),
            Self::Bandwidth { bytes_per_second } => write!(f, "bandwidth-{bytes_per_second}"),
            Self::Slicer { bytes } => write!(f, "slices-of-{bytes}"),
            Self::Fault { deed, place, .. } => write!(f, "{deed}-{place}"),
            Self::Refuse { .. } => f.write_str("refuse"),
            Self::SlowAccept { backlog, .. } => write!(f, "slow-accept-{backlog}"),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "reset",
            Self::Close => "close",
            Self::HalfClose => "half-close",
            Self::Stall => "stall",
            Self::Swallow => "swallow",
            Self::Stray => "stray",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("on-accept"),
            Self::Request(bytes) => write!(f, "at-request-{bytes}"),
            Self::Response(bytes) => write!(f, "at-response-{bytes}"),
            Self::AfterResponse => f.write_str("after-response"),
            Self::Idle(time) => write!(f, "idle-{}ms", time.as_millis()),
            Self::Reuse => f.write_str("on-reuse"),
        }
    }
}
