//! A request, from the question until its lease is given back.

use std::fmt;
use std::time::Duration;

use crate::arena::Link;
use crate::connection::Phase;
use crate::ids::{HostId, Ticket};
use crate::time::Time;

/// What a request asks for, of a host by its name or otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Ask<H = HostId> {
    /// Where to.
    pub host: H,
    /// Names the request; never used before in this process.
    pub number: u64,
    /// Time until it must be answered; `None` is the manager's.
    pub timeout: Option<Duration>,
    /// Time until an attempt must have started; `None` is no limit of its own.
    pub queue_timeout: Option<Duration>,
}

/// How a connection came to its user, if not opened for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FromCache {
    /// It was idle when the request came.
    Immediate,
    /// Another user gave it back while the request waited.
    Deferred,
}

/// Where the time of a request went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// Waiting without an attempt of its own.
    pub queued: Duration,
    /// Turning the name into addresses.
    pub resolve: Duration,
    /// Opening the transport.
    pub connect: Duration,
    /// Asking a proxy for a way to the host.
    pub proxy: Duration,
    /// TLS or another handshake.
    pub tls: Duration,
}

impl Timing {
    /// All of it: the time from the request to its answer.
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

/// Why a request waits, and for how long it has waited for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub(crate) reason: Reason,
    pub(crate) elapsed: Duration,
}

impl Waiting {
    /// What the request waits for.
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

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A connection of its host: the host is at its limit.
    HostLimit {
        /// Connections of the host.
        in_use: usize,
        /// What `max_per_host` allows, or the host's own limit.
        max: usize,
    },
    /// A connection of its host that it may share with others, which is being opened.
    Sharing,
    /// The peer of a connection that it may share with others: it allows no request more at present, or
    /// has yet to say how many. Until it says more, its host opens no further connection.
    PeerLimit,
    /// Room in total.
    TotalLimit {
        /// Connections of all hosts.
        open: usize,
        /// What `max_open` allows.
        max: usize,
    },
    /// An attempt of its own: too many are in flight.
    ConnectLimit {
        /// Attempts in flight, those among them that were withdrawn and have not ended.
        connecting: usize,
        /// What `max_connecting` allows.
        max: usize,
    },
    /// Its attempt resolves the host's name.
    Resolving,
    /// Its attempt opens the transport.
    Connecting,
    /// Its attempt asks a proxy for a way to the host.
    Tunnelling,
    /// Its attempt shakes hands.
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
    /// Waits behind its host's limit, or has just come. With it, of how many overtakes there had
    /// been when it came, as many bits as have room here.
    Parked(u32),
    /// Has a claim for room in total.
    Claimed,
    /// Owns the attempt in this slot.
    Attended(u32),
    /// Answered, and the answer not taken yet; a connection is held for it.
    Assigned(u32, Option<FromCache>),
    /// Answered without a connection, and the answer not taken yet.
    Refused,
    /// Its connection is in its user's hands.
    Held(u32),
}

impl Stage {
    /// In no queue yet, or in none any more.
    pub(crate) const NEW: Self = Self::Parked(0);

    #[inline]
    pub(crate) fn is_parked(self) -> bool {
        matches!(self, Self::Parked(_))
    }
}

/// A request, and what the driver notes of it.
#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Request<N> {
    pub(crate) number: u64,
    pub(crate) host: u32,
    pub(crate) stage: Stage,
    /// Place in its host's queue while it waits.
    pub(crate) link: Link,
    /// Place among the deadlines.
    pub(crate) timer: Link,
    /// While it waits, its ticket; afterwards the nanoseconds in the queue, if no more is booked.
    pub(crate) ticket_or_queued: u64,
    /// When its present phase began.
    pub(crate) since: Time,
    pub(crate) deadline: Option<Time>,
    /// What most requests do without.
    pub(crate) rare: Option<Box<Rare>>,
    /// Whether it is counted against `max_queued`.
    pub(crate) counted: bool,
    pub(crate) note: N,
}

#[derive(Debug, Default)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Rare {
    /// There when there is more to book than one time in the queue.
    pub(crate) spent: Option<Spent>,
    /// Until when an attempt of its own must have begun; none once one has.
    pub(crate) attempt_deadline: Option<Time>,
    /// Whether a new connection has gone before it took it.
    pub(crate) lost: bool,
}

impl<N> Request<N> {
    #[inline]
    pub(crate) fn new(number: u64, host: u32, now: Time, deadline: Option<Time>, note: N) -> Self {
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
            note,
        }
    }

    /// Its place in the order of arrival, while it waits.
    #[inline]
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.ticket_or_queued)
    }

    /// It is going to wait.
    pub(crate) fn enter_queue(&mut self, ticket: Ticket, overtakes: u64) {
        self.ticket_or_queued = ticket.0;
        self.stage = Stage::Parked(overtakes as u32);
    }

    /// How many overtakes there had been when it came, if it is parked, and there have been fewer
    /// than 2^32 since.
    pub(crate) fn mark(&self, overtakes: u64) -> u64 {
        let Stage::Parked(mark) = self.stage else {
            return overtakes;
        };
        let since = (overtakes as u32).wrapping_sub(mark);
        overtakes.saturating_sub(since.into())
    }

    /// Until when an attempt of its own must have begun.
    pub(crate) fn attempt_deadline(&self) -> Option<Time> {
        self.rare.as_ref()?.attempt_deadline
    }

    pub(crate) fn set_attempt_deadline(&mut self, deadline: Option<Time>) {
        if deadline != self.attempt_deadline() {
            self.rare().attempt_deadline = deadline;
        }
    }

    /// Whether a new connection has gone before it took it.
    pub(crate) fn is_lost(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.lost)
    }

    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Where its time went, as far as it is booked.
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

    /// Leaves the queue without an attempt of its own, and its ticket with it.
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

    /// Answers for how many nanoseconds the present phase has lasted; the next one begins.
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

        // It asks again, and has an attempt of its own.
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
                assert_eq!(request.mark(overtakes + later), overtakes);
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
