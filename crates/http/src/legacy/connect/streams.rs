//! Tracks the live streams of an HTTP/2 connection by the frames that it carries.
//!
//! hyper reports the head of a response and nothing later: its body has no reference to the
//! connection. So we parse the frame headers. A stream has ended when both sides have sent
//! END_STREAM, or one has reset it (RFC 9113, section 5.1).

use std::collections::HashMap;

use tokio::sync::watch;

use crate::http2::scanner::{END_STREAM, Frame, GOAWAY, HEADERS};

/// The streams of one connection, and how many leases they keep.
#[derive(Clone, Default)]
pub(crate) struct Streams(watch::Sender<State>);

#[derive(Default)]
struct State {
    /// Whether our side of a stream has ended, and whether theirs has.
    live: HashMap<u32, [bool; 2]>,
    /// Whether the connection has ended, and all streams with it.
    ended: bool,
    /// Leases of responses whose heads have arrived.
    leases: usize,
    /// How many streams we have reset, minus those taken by [`Streams::take_reset`].
    resets: usize,
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
        let mut states = lease.0.0.subscribe();
        let ended = states.wait_for(|state| state.ended || state.leases > state.live.len());
        // Its lock is dropped before the lease. The sender is borrowed, so the wait does not fail.
        drop(ended.await);
    }

    /// Takes one of our resets that no other lease has taken; false if there is none.
    pub(crate) fn take_reset(&self) -> bool {
        let mut is_one = false;
        self.quietly(|state| {
            is_one = state.resets > 0;
            state.resets -= usize::from(is_one);
        });
        is_one
    }

    /// Records that the connection has ended.
    pub(crate) fn end(&self) {
        self.0.send_modify(|state| {
            state.ended = true;
            state.live.clear();
        });
    }

    /// Records a frame that this side has sent.
    pub(crate) fn take(&self, side: Side, frame: &Frame) {
        self.0.send_if_modified(|state| {
            let before = state.live.len();
            state.take(side, frame);
            state.live.len() < before
        });
    }

    /// Makes a change that ends no wait.
    fn quietly(&self, change: impl FnOnce(&mut State)) {
        self.0.send_if_modified(|state| {
            change(state);
            false
        });
    }
}

impl State {
    fn take(&mut self, side: Side, frame: &Frame) {
        match frame.kind {
            DATA | HEADERS => {
                if frame.kind == HEADERS && side == Side::Ours {
                    self.live.entry(frame.stream).or_default();
                }
                if frame.flags & END_STREAM != 0
                    && let Some(ended) = self.live.get_mut(&frame.stream)
                {
                    ended[side as usize] = true;
                    if *ended == [true; 2] {
                        self.live.remove(&frame.stream);
                    }
                }
            }
            RST_STREAM => {
                let was_live = self.live.remove(&frame.stream).is_some();
                self.resets += usize::from(was_live && side == Side::Ours);
            }
            // The server never answers the streams above the last that it names.
            GOAWAY if side == Side::Theirs => {
                self.live.retain(|&stream, _| stream <= frame.last);
            }
            _ => {}
        }
    }
}

/// Counts as one of the leases until it is dropped.
struct Lease<'a>(&'a Streams);

impl<'a> Lease<'a> {
    fn of(streams: &'a Streams) -> Self {
        streams.quietly(|state| state.leases += 1);
        Self(streams)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.0.quietly(|state| state.leases -= 1);
    }
}

// RFC 9113, section 6.
const DATA: u8 = 0;
const RST_STREAM: u8 = 3;

#[cfg(test)]
mod tests;
