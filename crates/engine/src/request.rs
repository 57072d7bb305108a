//! A request, from its arrival until its lease ends.

use std::fmt;
use std::time::Duration;

use crate::arena::Link;
use crate::connection::Phase;
use crate::ids::{HostId, Ticket};
use crate::time::Time;

/// The parameters of a request. `H` names its host.
#[derive(Clone, Copy, Debug)]
pub struct Ask<H = HostId> {
    /// The host to connect to.
    pub host: H,
    /// Names the request; never used before in this process.
    pub number: u64,
    /// Time until it must be answered; `None` uses the manager's.
    pub timeout: Option<Duration>,
    /// Time until an attempt must have started; `None` sets no limit.
    pub queue_timeout: Option<Duration>,
}

/// How a reused connection came to its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FromCache {
    /// It was idle when the request came.
    Immediate,
    /// Another user gave it back while the request waited.
    Deferred,
}

/// The time of a request, by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// Waiting without an attempt of its own.
    pub queued: Duration,
    /// Resolving the name.
    pub resolve: Duration,
    /// Opening the transport.
    pub connect: Duration,
    /// Opening a tunnel through a proxy.
    pub proxy: Duration,
    /// TLS or another handshake.
    pub tls: Duration,
}

impl Timing {
    /// The sum: the time from the request to its answer.
    #[inline]
    pub fn total(&self) -> Duration {
        self.queued + self.resolve + self.connect + self.proxy + self.tls
    }
}

/// [`Timing`] as a request's record keeps it, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) queued: u64,
    pub(crate) resolve: u64,
    pub(crate) connect: u64,
    pub(crate) proxy: u64,
    pub(crate) tls: u64,
}

impl Spent {
    #[inline]
    pub(crate) fn total(self) -> u64 {
        self.queued + self.resolve + self.connect + self.proxy + self.tls
    }
}

impl From<Spent> for Timing {
    fn from(spent: Spent) -> Self {
        Self {
            queued: Duration::from_nanos(spent.queued),
            resolve: Duration::from_nanos(spent.resolve),
            connect: Duration::from_nanos(spent.connect),
            proxy: Duration::from_nanos(spent.proxy),
            tls: Duration::from_nanos(spent.tls),
        }
    }
}

/// Why a request waits, and how long its present phase has lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub(crate) reason: Reason,
    pub(crate) elapsed: Duration,
}

impl Waiting {
    /// The reason that the request waits.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// How long it has been in this phase: in the queue, or in one stage of its attempt.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (for {:?})", self.reason, self.elapsed)
    }
}

/// The thing that a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A connection of its host: the host is at its limit.
    HostLimit {
        /// Connections of the host.
        in_use: usize,
        /// The value of `max_per_host`, or the host's own limit.
        max: usize,
    },
    /// A connection of its host that it may share with others, which is being opened.
    Sharing,
    /// The peer of a connection that it may share with others: it allows no more requests at
    /// present, or has not announced how many. Until it allows more, its host opens no further
    /// connection.
    PeerLimit,
    /// Room in total.
    TotalLimit {
        /// Connections of all hosts.
        open: usize,
        /// The value of `max_open`.
        max: usize,
    },
    /// An attempt of its own: too many are in flight.
    ConnectLimit {
        /// Attempts in flight, including withdrawn ones that have not ended.
        connecting: usize,
        /// The value of `max_connecting`.
        max: usize,
    },
    /// Its attempt resolves the host's name.
    Resolving,
    /// Its attempt opens the transport.
    Connecting,
    /// Its attempt opens a tunnel through a proxy.
    Tunnelling,
    /// Its attempt performs a handshake, of TLS or of a protocol.
    Handshaking,
    /// A file descriptor for its attempt: the process, or the system, has none left.
    Descriptor,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostLimit { in_use, max } => write!(
                f,
                "{in_use} of {max} connections to this host are in use (max_per_host)"
            ),
            Self::Sharing => f.write_str("a connection to share is being opened"),
            Self::PeerLimit => f.write_str(
                "the peer allows no more requests on a connection, or has not said how many",
            ),
            Self::TotalLimit { open, max } => {
                write!(
                    f,
                    "{open} of {max} connections in total are open (max_open)"
                )
            }
            Self::ConnectLimit { connecting, max } => write!(
                f,
                "{connecting} of {max} attempts are in flight (max_connecting)"
            ),
            Self::Resolving => f.write_str("the name is being resolved"),
            Self::Connecting => f.write_str("the peer has not answered"),
            Self::Tunnelling => f.write_str("the proxy has not opened a way to the host"),
            Self::Handshaking => f.write_str("the handshake has not ended"),
            Self::Descriptor => {
                f.write_str("no file descriptor is left (raise `ulimit -n`, or lower max_open)")
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Waits behind its host's limit, or has just arrived. It holds the low 32 bits of the count of
    /// overtakes at its arrival.
    Parked(u32),
    /// Has a claim for room in total.
    Claimed,
    /// Owns the attempt in this slot.
    Attended(u32),
    /// Answered with a connection, which it has not taken yet.
    Assigned(u32, Option<FromCache>),
    /// Answered without a connection; the answer has not been taken yet.
    Refused,
    /// Its user has taken the connection.
    Held(u32, Option<FromCache>),
}

impl Stage {
    /// Not in a queue yet, or no longer in one.
    pub(crate) const NEW: Self = Self::Parked(0);

    #[inline]
    pub(crate) fn is_parked(self) -> bool {
        matches!(self, Self::Parked(_))
    }
}

/// A request, and the driver's data about it.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Request<D> {
    pub(crate) number: u64,
    pub(crate) host: u32,
    pub(crate) stage: Stage,
    /// Place in its host's queue while it waits.
    pub(crate) link: Link,
    /// Place among the deadlines.
    pub(crate) timer: Link,
    /// While it waits, its ticket. Afterwards, its nanoseconds in the queue, unless `spent` has
    /// them.
    pub(crate) ticket_or_queued: u64,
    /// When its present phase began.
    pub(crate) since: Time,
    pub(crate) deadline: Option<Time>,
    /// The fields that most requests do without.
    pub(crate) rare: Option<Box<Rare>>,
    /// Whether it is counted against `max_queued`.
    pub(crate) counted: bool,
    pub(crate) data: D,
}

#[derive(Debug, Default)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Rare {
    /// Set if there is more to book than one time in the queue.
    pub(crate) spent: Option<Spent>,
    /// When an attempt of its own must have begun at the latest; `None` once one has.
    pub(crate) attempt_deadline: Option<Time>,
    /// Whether a new connection ended before the request took it.
    pub(crate) lost: bool,
}

impl<D> Request<D> {
    #[inline]
    pub(crate) fn new(number: u64, host: u32, now: Time, deadline: Option<Time>, data: D) -> Self {
        Self {
            number,
            host,
            stage: Stage::NEW,
            link: Link::UNLINKED,
            timer: Link::UNLINKED,
            ticket_or_queued: 0,
            since: now,
            deadline,
            rare: None,
            counted: false,
            data,
        }
    }

    /// Its place in the order of arrival, while it waits.
    #[inline]
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.ticket_or_queued)
    }

    /// Makes the request wait.
    pub(crate) fn enter_queue(&mut self, ticket: Ticket, overtakes: u64) {
        self.ticket_or_queued = ticket.0;
        self.stage = Stage::Parked(overtakes as u32);
    }

    /// The count of overtakes when it was parked, if there have been fewer than 2^32 since. For a
    /// request that is not parked, the count now.
    pub(crate) fn overtakes_before(&self, overtakes: u64) -> u64 {
        let Stage::Parked(overtakes_before) = self.stage else {
            return overtakes;
        };
        let since = (overtakes as u32).wrapping_sub(overtakes_before);
        overtakes.saturating_sub(since.into())
    }

    /// When an attempt of its own must have begun at the latest.
    pub(crate) fn attempt_deadline(&self) -> Option<Time> {
        self.rare.as_ref()?.attempt_deadline
    }

    pub(crate) fn set_attempt_deadline(&mut self, deadline: Option<Time>) {
        if deadline != self.attempt_deadline() {
            self.rare().attempt_deadline = deadline;
        }
    }

    /// Whether a new connection ended before the request took it.
    pub(crate) fn is_lost(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.lost)
    }

    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The time that has been booked, by phase.
    #[inline]
    pub(crate) fn spent(&self) -> Spent {
        match self.rare.as_ref().and_then(|rare| rare.spent) {
            Some(spent) => spent,
            None if self.waits() => Spent::default(),
            None => Spent {
                queued: self.ticket_or_queued,
                ..Spent::default()
            },
        }
    }

    #[inline]
    pub(crate) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    #[inline]
    pub(crate) fn timer(&mut self) -> &mut Link {
        &mut self.timer
    }

    #[inline]
    pub(crate) fn waits(&self) -> bool {
        matches!(
            self.stage,
            Stage::Parked(_) | Stage::Claimed | Stage::Attended(_)
        )
    }

    /// Leaves the queue without an attempt of its own, and gives up its ticket.
    pub(crate) fn leave_queue(&mut self, now: Time) {
        if self.rare.as_ref().is_some_and(|rare| rare.spent.is_some()) {
            self.book(now, None);
        } else {
            self.ticket_or_queued = self.begin_phase(now);
        }
    }

    /// Books the time since the present phase began; the next one begins now.
    pub(crate) fn book(&mut self, now: Time, phase: Option<Phase>) {
        let before = self.spent();
        let nanos = self.begin_phase(now);
        let spent = self.rare().spent.get_or_insert(before);
        match phase {
            None => spent.queued += nanos,
            Some(Phase::Resolve) => spent.resolve += nanos,
            Some(Phase::Connect | Phase::Descriptor) => spent.connect += nanos,
            Some(Phase::Proxy) => spent.proxy += nanos,
            Some(Phase::Tls) => spent.tls += nanos,
        }
    }

    /// Begins the next phase, and returns how many nanoseconds the one before lasted.
    #[inline]
    fn begin_phase(&mut self, now: Time) -> u64 {
        let nanos = now.nanos().saturating_sub(self.since.nanos());
        self.since = now;
        nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_small() {
        assert_eq!(size_of::<Request<()>>(), 72);
        assert_eq!(size_of::<Option<Request<[u64; 4]>>>(), 104);
    }

    #[test]
    fn time_is_booked_with_an_attempt_and_without() {
        let at = Time::from_nanos;
        let mut request = Request::new(1, 0, at(100), None, ());
        request.enter_queue(Ticket(7), 0);
        assert_eq!(request.spent(), Spent::default());
        request.leave_queue(at(103));
        request.stage = Stage::Assigned(0, None);
        let queued = |queued| Spent {
            queued,
            ..Spent::default()
        };
        assert_eq!(request.spent(), queued(3));

        // The request waits again, and then has an attempt of its own.
        request.book(at(104), None);
        request.enter_queue(Ticket(8), 0);
        assert_eq!((request.ticket(), request.spent()), (Ticket(8), queued(4)));
        request.book(at(109), None);
        request.stage = Stage::Attended(0);
        request.book(at(116), Some(Phase::Connect));
        let spent = Spent {
            connect: 7,
            ..queued(9)
        };
        assert_eq!((request.ticket(), request.spent()), (Ticket(8), spent));
        request.stage = Stage::Refused;
        assert_eq!(request.spent(), spent);
    }

    #[test]
    fn the_mark_of_who_is_parked_counts_on_for_ever() {
        let mut request = Request::new(1, 0, Time::START, None, ());
        for overtakes in [0, 7, u64::from(u32::MAX), (1 << 32) + 5] {
            request.enter_queue(Ticket(1), overtakes);
            for later in [0, 1, u64::from(u32::MAX)] {
                assert_eq!(request.overtakes_before(overtakes + later), overtakes);
            }
        }
    }

    #[test]
    fn the_total_is_all_that_was_spent() {
        let spent = Spent {
            queued: 2,
            resolve: 3,
            connect: 5,
            proxy: 11,
            tls: 7,
        };
        assert_eq!(spent.total(), 28);
        assert_eq!(Timing::from(spent).total(), Duration::from_nanos(28));
    }

    #[test]
    fn a_reason_names_the_limit_and_how_much_of_it_is_used() {
        let reasons = [
            (
                Reason::HostLimit { in_use: 3, max: 4 },
                "3 of 4 connections to this host",
            ),
            (
                Reason::TotalLimit { open: 7, max: 8 },
                "7 of 8 connections in total",
            ),
            (
                Reason::ConnectLimit {
                    connecting: 1,
                    max: 2,
                },
                "1 of 2 attempts",
            ),
            (Reason::Sharing, "a connection to share"),
            (Reason::PeerLimit, "the peer allows no more requests"),
            (Reason::Resolving, "the name"),
            (Reason::Connecting, "the peer"),
            (Reason::Tunnelling, "the proxy"),
            (Reason::Handshaking, "the handshake"),
            (Reason::Descriptor, "no file descriptor"),
        ];
        for (reason, start) in reasons {
            assert!(reason.to_string().starts_with(start), "{reason}");
        }
        let waiting = Waiting {
            reason: Reason::Resolving,
            elapsed: Duration::from_millis(5),
        };
        assert_eq!(waiting.to_string(), "the name is being resolved (for 5ms)");
    }
}
