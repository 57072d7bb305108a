//! The faults of a proxy.

use std::fmt;
use std::time::Duration;

/// A fault; several can act at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toxic {
    /// Every piece is late, by `delay` and up to `jitter` more.
    Latency { delay: Duration, jitter: Duration },
    /// Both directions together carry no more than this.
    Bandwidth { bytes_per_second: u32 },
    /// The proxy passes bytes on in pieces of this size.
    Slicer { bytes: usize },
    /// A deed at one place, on `percent` percent of the connections.
    Fault {
        deed: Deed,
        place: Place,
        percent: u8,
    },
    /// The port refuses connections for this time, and then listens for as long.
    Refuse { every: Duration },
    /// Each connection waits before it is accepted, in a queue of length `backlog`.
    SlowAccept { delay: Duration, backlog: i32 },
}

/// The change that a fault makes to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is reset.
    Reset,
    /// It is closed.
    Close,
    /// The direction to the client alone is closed.
    HalfClose,
    /// The proxy stops reading and writing; the sockets stay.
    Stall,
    /// The proxy reads the client's bytes and drops them; the sockets stay.
    Swallow,
    /// The client receives an unsolicited answer.
    Stray,
}

/// The place of a deed. Places within an exchange are those of the first to third one of a
/// connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// As soon as the connection is accepted.
    Accept,
    /// When this many bytes of a request have been read.
    Request(usize),
    /// When this many bytes of a response have been passed on.
    Response(usize),
    /// Right after a response; bytes sent there go with its last bytes.
    AfterResponse,
    /// This long after a response.
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

    /// Whether it changes the times and the pieces in which bytes arrive.
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
