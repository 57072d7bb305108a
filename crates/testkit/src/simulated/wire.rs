//! A connection of the simulated network.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use keepalive::{Connection, Host, Unusable};
use tokio::time::{Instant, Sleep, sleep};

use super::Network;
use super::books::Want;
use super::panics::panic_as_planned;
use super::weather::{Operation, Verdict};

/// An open connection, or one of several handles on it.
pub struct Wire {
    presence: Arc<Presence>,
    /// The stream whose answers it reads.
    stream: usize,
    is_handle: bool,
    held: bool,
    closing: Closing,
}

enum Closing {
    NotYet,
    Until(Pin<Box<Sleep>>),
    Never,
    Done,
}

/// An attempt or a connection, as the network counts them.
pub(super) struct Presence {
    network: Network,
    host: usize,
    line: Option<usize>,
}

impl Presence {
    pub(super) fn enter(network: &Network, host: &Host) -> Self {
        let host = network.books().attempt_begins(host);
        Self {
            network: network.clone(),
            host,
            line: None,
        }
    }
}

impl Presence {
    pub(super) fn host(&self) -> usize {
        self.host
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut books = self.network.books();
        if self.line.is_none() {
            books.attempt_ends(self.host);
        }
        books.leaves(self.host, self.line);
    }
}

impl Wire {
    pub(super) fn open(mut presence: Presence, capacity: usize) -> Self {
        let stream = {
            let mut books = presence.network.books();
            books.attempt_ends(presence.host);
            let line = books.line_opens(presence.host, capacity);
            presence.line = Some(line);
            books.stream_begins(line)
        };
        Self {
            presence: Arc::new(presence),
            stream,
            is_handle: false,
            held: false,
            closing: Closing::NotYet,
        }
    }

    pub(super) fn number(&self) -> usize {
        self.presence.line.expect("a wire is a line's")
    }

    /// Records that the user has got the connection.
    pub(super) fn pick_up(&mut self, want: &Want) {
        let (number, stream) = (self.number(), self.stream);
        self.network().books().pick_up(number, stream, want);
        self.held = true;
    }

    /// Records that the user gives the connection back: for reuse, or not.
    pub(super) fn put_down(&mut self, reusable: bool) {
        let number = self.number();
        self.network().books().put_down(number, reusable);
        self.held = false;
    }

    /// Sends a nonce to the peer, which echoes it after this time.
    pub fn send(&mut self, nonce: u64, after: Duration) {
        let (number, stream) = (self.number(), self.stream);
        let there = Instant::now() + after;
        let mut books = self.network().books();
        books.stream(number, stream).push_back((nonce, there));
    }

    /// The first answer of the peer; `None` if the peer has closed.
    pub fn receive(&mut self) -> Option<u64> {
        let (number, stream) = (self.number(), self.stream);
        let mut books = self.network().books();
        if books.is_broken(number) {
            return None;
        }
        if books.is_leaving(number) {
            books.note("exchange after a goodbye", number as u64);
        }
        Some(books.stream(number, stream).pop_front()?.0)
    }

    fn network(&self) -> &Network {
        &self.presence.network
    }

    /// Why the connection is unusable, if the manager learns of it now.
    fn ask(&self, operation: Operation) -> Result<(), Unusable> {
        let verdict = self.network().verdict(operation, self.number());
        let sound = self.network().books().is_sound(self.number());
        if verdict != Verdict::Fine || !sound {
            self.network().books().condemn(self.number());
        }
        match verdict {
            Verdict::Panics => panic_as_planned(),
            Verdict::Fails => Err(Unusable::Failed(io::ErrorKind::ConnectionReset.into())),
            _ if sound => Ok(()),
            _ => Err(Unusable::Closed),
        }
    }
}

impl Connection for Wire {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        let waker = context.waker().clone();
        self.network().books().watch(self.number(), waker);
        if let Err(unusable) = self.ask(Operation::Watch) {
            return Poll::Ready(unusable);
        }
        if self.network().weather().is_restless() {
            self.network().books().note("restless", 0);
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        self.ask(Operation::Check)
    }

    fn capacity(&self) -> usize {
        if self.network().verdict(Operation::Capacity, self.number()) == Verdict::Panics {
            panic_as_planned();
        }
        self.network().books().tell_capacity(self.number())
    }

    fn share(&self) -> Option<Self> {
        let stream = match self.network().verdict(Operation::Share, self.number()) {
            Verdict::Panics => panic_as_planned(),
            Verdict::Fails => return None,
            _ => self.network().books().stream_begins(self.number()),
        };
        Some(Self {
            presence: Arc::clone(&self.presence),
            stream,
            is_handle: true,
            held: false,
            closing: Closing::NotYet,
        })
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if matches!(self.closing, Closing::NotYet) {
            if self.held {
                self.put_down(false);
            }
            self.network().books().begins_to_close(self.number());
            let delay = self.network().delay(Operation::Close, self.number());
            self.closing = match self.network().verdict(Operation::Close, self.number()) {
                Verdict::Panics => panic_as_planned(),
                Verdict::Hangs => Closing::Never,
                _ if delay.millis == 0 || tokio::runtime::Handle::try_current().is_err() => {
                    Closing::Done
                }
                _ => Closing::Until(Box::pin(sleep(Duration::from_millis(delay.millis)))),
            };
        }
        match &mut self.closing {
            Closing::Until(end) => end.as_mut().poll(context),
            Closing::Never => Poll::Pending,
            Closing::NotYet | Closing::Done => Poll::Ready(()),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.held {
            // A user dropped it without giving it back.
            self.put_down(false);
        }
        if self.is_handle {
            let mut books = self.network().books();
            return books.stream_ends(self.number(), self.stream);
        }
        let handles = Arc::strong_count(&self.presence) - 1;
        if handles > 0 {
            let mut books = self.network().books();
            books.blame(format!("dropped under {handles} users"));
        }
        if self.network().verdict(Operation::Drop, self.number()) == Verdict::Panics
            && !std::thread::panicking()
        {
            panic_as_planned();
        }
    }
}
