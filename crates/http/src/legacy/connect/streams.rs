//! Tracks the live streams of an HTTP/2 connection by the frames that it carries.
//!
//! hyper reports the head of a response and nothing later: its body has no reference to the
//! connection. So we parse the frame headers, of nine bytes each (RFC 9113, section 4.1). A stream
//! has ended when both sides have sent END_STREAM, or one has reset it.

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
    /// Whether the connection has ended, and all streams with it.
    over: bool,
    /// Leases of responses whose heads have arrived.
    leases: usize,
    /// How many streams we have reset, minus those taken by [`Streams::take_reset`].
    resets: usize,
    waiting: Vec<Waker>,
}

/// Which sides of a stream have ended.
#[derive(Default)]
struct Ended {
    ours: bool,
    theirs: bool,
}

/// The sender of the frames.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

impl Streams {
    /// Waits, after the head of a response, until the other leases suffice for the live streams.
    ///
    /// The stream that ended may be another response's, for leases are interchangeable.
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

    /// Takes one of our resets that no other lease has taken; false if there is none.
    pub(crate) fn take_reset(&self) -> bool {
        let mut state = self.lock();
        let is_one = state.resets > 0;
        state.resets -= usize::from(is_one);
        is_one
    }

    /// Records that the connection has ended.
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

    // No code that may panic runs with the lock held.
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
            // The server never answers the streams above the last that it names.
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

/// Finds the frames in the bytes that one side sends, in pieces of any size.
pub(crate) struct Scanner {
    side: Side,
    /// How many bytes to skip before the next frame header.
    skip: usize,
    head: [u8; LONGEST],
    filled: usize,
}

/// The relevant fields of a frame.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    /// In a GOAWAY, the last stream that the sender may process.
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

    /// How many bytes of the frame are needed: the header, and in a GOAWAY the last stream's
    /// number.
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

/// The preface of an HTTP/2 connection (RFC 9113, section 3.4).
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
