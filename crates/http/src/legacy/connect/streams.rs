//! Which streams of a connection of HTTP/2 have not ended yet, by the frames that go over it.
//!
//! hyper says when the head of a response is there, and no more: what it gives for the body knows
//! of no connection. So the frames are looked at, a head of nine bytes each (RFC 9113, section
//! 4.1); a stream has ended when both sides have said so, or one has reset it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// The streams of one connection, and how many leases they keep.
#[derive(Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    live: HashMap<u32, Ended>,
    /// Whether the connection has come to its end, and all streams with it.
    over: bool,
    /// Of responses whose heads are there.
    leases: usize,
    /// How many streams we have reset, but for those that were taken.
    resets: usize,
    waiting: Vec<Waker>,
}

/// Which sides of a stream have ended.
#[derive(Default)]
struct Ended {
    ours: bool,
    theirs: bool,
}

/// Who sends what is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

impl Streams {
    /// Waits, after the head of a response, until there is a lease for each stream that lives
    /// without this one.
    ///
    /// It may be that of another response that has ended, for one lease is as good as another.
    pub(crate) async fn ended(&self) {
        let lease = Lease::of(self);
        poll_fn(|context| {
            let mut state = lease.0.lock();
            if state.over || state.leases > state.live.len() {
                return Poll::Ready(());
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Whether we have reset a stream that nobody has taken for theirs.
    pub(crate) fn take_reset(&self) -> bool {
        let mut state = self.lock();
        let is_one = state.resets > 0;
        state.resets -= usize::from(is_one);
        is_one
    }

    /// The connection has come to its end.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        state.live.clear();
        wake(state);
    }

    fn take(&self, side: Side, frame: &Frame) {
        let mut state = self.lock();
        let before = state.live.len();
        state.take(side, frame);
        if state.live.len() < before {
            wake(state);
        }
    }

    // Nothing that panics is called with it held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, side: Side, frame: &Frame) {
        match frame.kind {
            HEADERS if side == Side::Ours => {
                let ended = self.live.entry(frame.stream).or_default();
                ended.ours |= frame.flags & END_STREAM != 0;
            }
            DATA | HEADERS if frame.flags & END_STREAM != 0 => {
                if let Some(ended) = self.live.get_mut(&frame.stream) {
                    match side {
                        Side::Ours => ended.ours = true,
                        Side::Theirs => ended.theirs = true,
                    }
                }
            }
            RST_STREAM => {
                let was_live = self.live.remove(&frame.stream).is_some();
                self.resets += usize::from(was_live && side == Side::Ours);
                return;
            }
            // What it passes over will never be answered.
            GOAWAY if side == Side::Theirs => {
                self.live.retain(|&stream, _| stream <= frame.last);
                return;
            }
            _ => return,
        }
        if let Some(Ended { ours, theirs }) = self.live.get(&frame.stream)
            && *ours
            && *theirs
        {
            self.live.remove(&frame.stream);
        }
    }
}

/// Counts as one of the leases until it is dropped.
struct Lease<'a>(&'a Streams);

impl<'a> Lease<'a> {
    fn of(streams: &'a Streams) -> Self {
        streams.lock().leases += 1;
        Self(streams)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.0.lock().leases -= 1;
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waiting = std::mem::take(&mut state.waiting);
    drop(state);
    waiting.into_iter().for_each(Waker::wake);
}

/// Finds the frames in what one side sends, in whatever pieces it comes.
pub(crate) struct Scanner {
    side: Side,
    /// What is to be passed over before the next head.
    skip: usize,
    head: [u8; LONGEST],
    filled: usize,
}

/// What there is to know of a frame.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    /// Of a GOAWAY, the last stream that counts.
    last: u32,
}

impl Scanner {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            skip: if side == Side::Ours { PREFACE.len() } else { 0 },
            head: [0; LONGEST],
            filled: 0,
        }
    }

    pub(crate) fn scan(&mut self, mut bytes: &[u8], streams: &Streams) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let Some((&byte, rest)) = bytes.split_first() else {
                return;
            };
            bytes = rest;
            self.head[self.filled] = byte;
            self.filled += 1;
            if self.filled >= HEAD && self.filled == self.wanted() {
                streams.take(self.side, &self.frame());
                self.skip = self.length() - (self.filled - HEAD);
                self.filled = 0;
            }
        }
    }

    /// How much of the frame has to be seen: the head, and of a GOAWAY a number.
    fn wanted(&self) -> usize {
        match self.head[3] {
            GOAWAY => HEAD + self.length().min(LONGEST - HEAD),
            _ => HEAD,
        }
    }

    fn length(&self) -> usize {
        let [a, b, c, ..] = self.head;
        u32::from_be_bytes([0, a, b, c]) as usize
    }

    fn frame(&self) -> Frame {
        let [_, _, _, kind, flags, a, b, c, d, e, f, g, h] = self.head;
        Frame {
            kind,
            flags,
            stream: u32::from_be_bytes([a, b, c, d]) & STREAM,
            last: u32::from_be_bytes([e, f, g, h]) & STREAM,
        }
    }
}

/// What a connection of HTTP/2 begins with (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9113, section 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
// One bit of the four bytes is reserved.
const STREAM: u32 = u32::MAX >> 1;
const HEAD: usize = 9;
const LONGEST: usize = HEAD + 4;

#[cfg(test)]
mod tests;
