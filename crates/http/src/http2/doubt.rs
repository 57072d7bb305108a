//! Checks whether the peer of a connection is alive, when there is reason to doubt it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::client::conn::http2::Builder;
use hyper::rt::{Sleep, Timer};
use tokio::time::Instant;

use super::{Executor, Session};

/// The silence after which a peer is in doubt, and the time it then has to send a byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    pub(crate) after: Duration,
    pub(crate) timeout: Duration,
}

/// Sends a silent peer one PING (RFC 9113, section 6.7).
///
/// hyper sends the PING. Its clock for that stands still until there is a doubt, and again until
/// the peer's time is over. One timer runs while there are exchanges, and none on a connection that
/// is idle and trusted.
pub(super) struct Doubt {
    silence: Silence,
    flags: Arc<Flags>,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
    /// The number of bytes received when the timer began.
    heard: u64,
    is_asked: bool,
    last: Option<Asked>,
}

/// The last PING.
struct Asked {
    at: Instant,
    /// The number of requests sent until then.
    sent: u64,
    /// The number of bytes received when the answer had arrived.
    heard: u64,
    /// The number of PINGs in a row with only their answers between.
    times: u32,
}

#[derive(Default)]
struct Flags {
    is_doubted: AtomicBool,
    is_lost: AtomicBool,
}

impl Doubt {
    /// Makes hyper ping under this doubt's control.
    pub(super) fn new(silence: Silence, builder: &mut Builder<Executor>) -> Self {
        let flags = Arc::<Flags>::default();
        let clock = Clock {
            now: std::time::Instant::now(),
            flags: Arc::clone(&flags),
        };
        builder
            .timer(clock)
            .keep_alive_interval(UNTIL_DOUBTED)
            .keep_alive_timeout(UNTIL_LOST)
            .keep_alive_while_idle(true);
        Self {
            silence,
            flags,
            timer: None,
            heard: 0,
            is_asked: false,
            last: None,
        }
    }

    /// Runs before hyper reads and writes.
    pub(super) fn poll<T>(&mut self, session: &Arc<Session<T>>, context: &mut Context<'_>) {
        if self.is_asked {
            if self.poll_timer(context) {
                self.flags.is_lost.store(true, Ordering::Relaxed);
            }
            return;
        }
        // Each handle holds a reference; so do the connection and the task.
        let is_busy = Arc::strong_count(session) > 2;
        if session.is_suspect() {
            self.ask(session, context);
        } else if self.timer.is_none() {
            if is_busy {
                self.begin(session, self.silence.after, context);
            }
        } else if self.poll_timer(context) {
            self.timer = None;
            if is_busy && session.transport.received() == self.heard {
                self.ask(session, context);
            } else if is_busy {
                self.begin(session, self.silence.after, context);
            }
        }
    }

    /// Runs after hyper. Any received byte ends the doubt.
    pub(super) fn listen<T>(&mut self, session: &Session<T>) {
        self.flags.is_doubted.store(false, Ordering::Relaxed);
        if !self.is_asked {
            return;
        }
        let received = session.transport.received();
        if received == self.heard {
            return;
        }
        if let Some(last) = &mut self.last {
            // Any byte besides an answer starts a new row.
            last.heard = received;
            if received != self.heard + ANSWER {
                last.times = 0;
            }
        }
        self.is_asked = false;
        self.timer = None;
        session.set_suspect(false);
    }

    fn ask<T>(&mut self, session: &Arc<Session<T>>, context: &mut Context<'_>) {
        let received = session.transport.received();
        let sent = session.sent.load(Ordering::Relaxed);
        let now = Instant::now();
        let times = match &self.last {
            Some(last) if last.heard == received => {
                let is_polite = last.times < IN_A_ROW || now - last.at >= APART;
                if !is_polite || last.sent == sent {
                    session.set_suspect(false);
                    return;
                }
                last.times + 1
            }
            _ => 1,
        };
        self.last = Some(Asked {
            at: now,
            sent,
            heard: received,
            times,
        });
        self.is_asked = true;
        session.set_suspect(true);
        self.flags.is_doubted.store(true, Ordering::Relaxed);
        self.begin(session, self.silence.timeout, context);
    }

    fn begin<T>(&mut self, session: &Session<T>, time: Duration, context: &mut Context<'_>) {
        self.heard = session.transport.received();
        self.timer = Some(Box::pin(tokio::time::sleep(time)));
        let _not_yet = self.poll_timer(context);
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> bool {
        let timer = self.timer.as_mut();
        timer.is_some_and(|timer| timer.as_mut().poll(context).is_ready())
    }
}

// gRPC servers accept three PINGs within five minutes without a frame of their own in between, and
// then close the connection.
const IN_A_ROW: u32 = 3;
const APART: Duration = Duration::from_secs(300);
// A PING frame.
const ANSWER: u64 = 17;

// hyper's times until its PING and until it gives up. They only have to differ.
const UNTIL_DOUBTED: Duration = Duration::ZERO;
const UNTIL_LOST: Duration = Duration::from_secs(1);

/// hyper's clock, which stands still.
struct Clock {
    now: std::time::Instant,
    flags: Arc<Flags>,
}

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now + duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Nap {
            flags: Arc::clone(&self.flags),
            is_asked: deadline > self.now,
        })
    }

    fn now(&self) -> std::time::Instant {
        self.now
    }
}

/// Ends when its flag is set. The code that sets a flag polls hyper next, so no waker is needed.
struct Nap {
    flags: Arc<Flags>,
    is_asked: bool,
}

impl Sleep for Nap {}

impl Future for Nap {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let flag = match self.is_asked {
            true => &self.flags.is_lost,
            false => &self.flags.is_doubted,
        };
        match flag.load(Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
