//! How long an exchange may take once it has its connection.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use keepalive::errno;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::connector::LONGEST;
use crate::outgoing::BoxError;

/// Time limits of an exchange, phase by phase. [`Client::deadlines`](crate::Client::deadlines) sets
/// them for a client, an extension for a single request.
///
/// None is set by default, and an unset deadline costs no timer. They apply beside the manager's
/// `timeout`, which ends when the request has a connection. The deadlines of a request replace all
/// those of its client.
///
/// A late exchange is an [`Error`](crate::Error) with the system's number of a timeout
/// (`ETIMEDOUT`); [`Error::timed_out`](crate::Error::timed_out) has the details. It is not sent
/// again. Its HTTP/1.1 connection is closed; in HTTP/2 its stream is reset, and the other streams
/// go on. A deadline of zero expires at once, unless the awaited data is already there.
///
/// A tunnel or another protocol has no deadline once the response's head has arrived. Timers need a
/// tokio runtime: without one, a request that has deadlines is an error.
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
    pub(crate) total: Option<Duration>,
}

impl Deadlines {
    /// No deadlines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Time from when the request has its connection to the end of the response's head; it restarts
    /// if the request is sent again. It includes sending the request's own body. Default none.
    #[must_use]
    pub fn head(mut self, time: Duration) -> Self {
        self.head = Some(time);
        self
    }

    /// Time that a read of the response's body waits for more. Default none.
    ///
    /// It starts when the body is polled and has no data, and restarts with each frame. The time
    /// that the reader spends between reads does not count.
    #[must_use]
    pub fn read(mut self, time: Duration) -> Self {
        self.read = Some(time);
        self
    }

    /// Time for the whole exchange, from the first poll of the request to the end of the response's
    /// body. It includes waiting for a connection, retries and reading. Default none.
    #[must_use]
    pub fn total(mut self, time: Duration) -> Self {
        self.total = Some(time);
        self
    }

    /// The time left for an exchange that began at `begun`, if it may take at most `most`.
    pub(crate) fn left(self, most: Duration, begun: Instant) -> Duration {
        let time = self.total.map_or(most, |total| total.min(most));
        time.saturating_sub(begun.elapsed())
    }

    /// The timer of a phase, from now on, in an exchange that began at `begun`.
    pub(crate) fn timer(self, name: Deadline, begun: Instant, is_new: bool) -> Option<Box<Timer>> {
        let one = match name {
            Deadline::Head => self.head,
            Deadline::Read => self.read,
            Deadline::Total => None,
        };
        one.or(self.total)?;
        Some(Box::new(Timer {
            one,
            name,
            all: self.total.map(|total| (later(begun, total), total)),
            is_new,
            armed: None,
            sleep: None,
        }))
    }
}

/// The deadline that expired.
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
    /// The deadline that expired.
    pub deadline: Deadline,
    /// Its duration.
    pub time: Duration,
    /// Whether the connection was never used before.
    pub is_new: bool,
    /// The system's error, `ETIMEDOUT`.
    system: io::Error,
}

impl TimedOut {
    fn new(deadline: Deadline, time: Duration, is_new: bool) -> Self {
        Self {
            deadline,
            time,
            is_new,
            system: io::Error::from_raw_os_error(errno::ETIMEDOUT),
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

/// The deadlines of one wait, or of several in a row. It is boxed, so that an exchange without
/// deadlines reserves little room for it.
#[derive(Debug)]
pub(crate) struct Timer {
    /// For each wait.
    one: Option<Duration>,
    name: Deadline,
    /// The end of the whole exchange, and its duration.
    all: Option<(Instant, Duration)>,
    is_new: bool,
    /// The deadline of the current wait, and its duration.
    armed: Option<(Deadline, Duration)>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// The awaited data has arrived.
    pub(crate) fn disarm(&mut self) {
        self.armed = None;
    }

    /// Whether the time for the whole exchange is up, even if data has arrived.
    pub(crate) fn expired(&self) -> Option<TimedOut> {
        let (at, total) = self.all?;
        (Instant::now() >= at).then(|| TimedOut::new(Deadline::Total, total, self.is_new))
    }

    /// Waits until a deadline expires, and returns the error. Outside a runtime there is no timer.
    pub(crate) fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<BoxError> {
        let (name, time) = match self.armed {
            Some(armed) => armed,
            None => {
                if Handle::try_current().is_err() {
                    return Poll::Ready(NO_TIMER.into());
                }
                let now = Instant::now();
                let one = self.one.map(|time| (later(now, time), self.name, time));
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
        up.map(|()| TimedOut::new(name, time, self.is_new).into())
    }
}

/// The error of a deadline outside a runtime.
const NO_TIMER: &str = "a deadline needs a tokio runtime: await the exchange within one, for example from `#[tokio::main]`";

/// The instant `time` after `at`; at most a year later, so that the clock does not overflow.
fn later(at: Instant, time: Duration) -> Instant {
    at + time.min(LONGEST)
}
