//! How long an exchange may take once it has its connection.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long an exchange may take, phase by phase; of a client, see
/// [`Client::deadlines`](crate::Client::deadlines), or as an extension of a single request.
///
/// None is set by default, and what is not set costs no timer. They come beside the manager's
/// `timeout`, which ends when there is a connection. Those of a request take the place of all those of
/// its client.
///
/// An exchange that is late is an [`Error`](crate::Error) with the system's number of a timeout
/// (`ETIMEDOUT`), and [`Error::timed_out`](crate::Error::timed_out) has the rest. A late exchange is
/// not repeated. Its connection of HTTP/1.1 is closed; of HTTP/2, its stream is reset, and the others
/// go on. Zero is late at once, unless what is waited for is there.
///
/// A tunnel, or another protocol, has no deadline once its head has come. Timers need a tokio runtime:
/// without one, a request that has deadlines is an error.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use keepalive_http::Deadlines;
///
/// # fn example() -> Result<(), http::Error> {
/// let slow = http::Request::get("http://127.0.0.1:8080/report")
///     .extension(Deadlines::new().head(Duration::from_secs(60)).read(Duration::from_secs(5)))
///     .body(String::new())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    head: Option<Duration>,
    read: Option<Duration>,
    total: Option<Duration>,
}

impl Deadlines {
    /// No deadlines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Time from when the request has its connection to the end of the response's head; it begins
    /// again if the request is sent again. The request's own body is sent within it. Default none.
    #[must_use]
    pub fn head(mut self, time: Duration) -> Self {
        self.head = Some(time);
        self
    }

    /// Time that a read of the response's body waits for more. Default none.
    ///
    /// It begins when the body is asked for what is not there, and anew with each frame that comes.
    /// The time that its reader takes does not count.
    #[must_use]
    pub fn read(mut self, time: Duration) -> Self {
        self.read = Some(time);
        self
    }

    /// Time for all of the exchange, from the first poll of the request to the end of the response's
    /// body: waiting for a connection, sending again and reading are within it. Default none.
    #[must_use]
    pub fn total(mut self, time: Duration) -> Self {
        self.total = Some(time);
        self
    }

    /// What is left of all the time, of which there is no more than this, for an exchange begun then.
    pub(crate) fn left(self, most: Duration, begun: Instant) -> Duration {
        let time = self.total.map_or(most, |total| total.min(most));
        time.saturating_sub(begun.elapsed())
    }

    pub(crate) fn has_total(self) -> bool {
        self.total.is_some()
    }

    /// The timer of a head that is waited for from now on, in an exchange begun then.
    pub(crate) fn of_head(self, begun: Instant, is_new: bool) -> Option<Box<Timer>> {
        Timer::new(self.head, Deadline::Head, self.total, begun, is_new)
    }

    /// The timer of a body.
    pub(crate) fn of_body(self, begun: Instant, is_new: bool) -> Option<Box<Timer>> {
        Timer::new(self.read, Deadline::Read, self.total, begun, is_new)
    }
}

/// Which time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deadline {
    /// [`Deadlines::head`].
    Head,
    /// [`Deadlines::read`].
    Read,
    /// [`Deadlines::total`].
    Total,
}

/// An exchange took longer than its [`Deadlines`] allow.
#[derive(Debug)]
#[non_exhaustive]
pub struct TimedOut {
    /// Which time was up.
    pub deadline: Deadline,
    /// How long that time was.
    pub time: Duration,
    /// Whether nobody had used the connection before.
    pub is_new: bool,
    /// The system's error of that name.
    system: io::Error,
}

impl TimedOut {
    fn new(deadline: Deadline, time: Duration, is_new: bool) -> Self {
        Self {
            deadline,
            time,
            is_new,
            system: io::Error::from_raw_os_error(libc::ETIMEDOUT),
        }
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (time, use_) = (self.time, if self.is_new { "new" } else { "reused" });
        match self.deadline {
            Deadline::Head => write!(f, "no head of a response within {time:?}")?,
            Deadline::Read => write!(f, "nothing more of the body within {time:?}")?,
            Deadline::Total => write!(f, "no end of the exchange within {time:?}")?,
        }
        write!(f, ", on a {use_} connection")
    }
}

impl Error for TimedOut {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.system)
    }
}

/// The deadlines of one wait, or of several that follow one another. It is made in a box, so that an
/// exchange without any has little room for it.
#[derive(Debug)]
pub(crate) struct Timer {
    /// Of each wait.
    one: Option<Duration>,
    name: Deadline,
    /// Of all, and how long that was.
    all: Option<(Instant, Duration)>,
    is_new: bool,
    /// Of the wait that goes on, and which time it is.
    armed: Option<(Deadline, Duration)>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn new(
        one: Option<Duration>,
        name: Deadline,
        total: Option<Duration>,
        begun: Instant,
        is_new: bool,
    ) -> Option<Box<Self>> {
        if one.is_none() && total.is_none() {
            return None;
        }
        Some(Box::new(Self {
            one,
            name,
            all: total.map(|total| (later(begun, total), total)),
            is_new,
            armed: None,
            sleep: None,
        }))
    }

    /// What was waited for has come.
    pub(crate) fn rest(&mut self) {
        self.armed = None;
    }

    /// Whether all the time is up, whatever has come.
    pub(crate) fn is_over(&self) -> Option<TimedOut> {
        let (at, total) = self.all?;
        (Instant::now() >= at).then(|| TimedOut::new(Deadline::Total, total, self.is_new))
    }

    /// Waits for the end of the time. Outside a runtime there is none, and no time.
    pub(crate) fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<Option<TimedOut>> {
        let (name, time) = match self.armed {
            Some(armed) => armed,
            None => {
                if Handle::try_current().is_err() {
                    return Poll::Ready(None);
                }
                let one = self.one.map(|time| (later(Instant::now(), time), time));
                let one = one.map(|(at, time)| (at, self.name, time));
                let all = self.all.map(|(at, time)| (at, Deadline::Total, time));
                let soonest = one.into_iter().chain(all).min_by_key(|(at, ..)| *at);
                let (at, name, time) = soonest.expect("a timer has one or the other");
                match &mut self.sleep {
                    Some(sleep) => sleep.as_mut().reset(at),
                    sleep => *sleep = Some(Box::pin(sleep_until(at))),
                }
                *self.armed.insert((name, time))
            }
        };
        let sleep = self.sleep.as_mut().expect("it is armed");
        let up = sleep.as_mut().poll(context);
        up.map(|()| Some(TimedOut::new(name, time, self.is_new)))
    }
}

/// Why a deadline can not be kept.
pub(crate) const NO_TIMER: &str = "a deadline needs a tokio runtime: await the exchange within one, for example from `#[tokio::main]`";

/// So much later, or, past the end of the clock, a year.
fn later(at: Instant, time: Duration) -> Instant {
    let longest = Duration::from_secs(365 * 24 * 60 * 60);
    at + time.min(longest)
}
