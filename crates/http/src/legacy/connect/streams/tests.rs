//! Streams that begin and end, by the frames of both sides.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use super::*;
use crate::http2::scanner::Scanner;

/// The two sides of a connection, scanned byte by byte.
struct Wire {
    streams: Streams,
    ours: Scanner,
    theirs: Scanner,
}

impl Wire {
    fn new() -> Self {
        let mut wire = Self {
            streams: Streams::default(),
            ours: Scanner::after(3),
            theirs: Scanner::default(),
        };
        wire.send(Side::Ours, b"PRI");
        wire
    }

    fn send(&mut self, side: Side, bytes: &[u8]) {
        let scanner = match side {
            Side::Ours => &mut self.ours,
            Side::Theirs => &mut self.theirs,
        };
        for byte in bytes {
            scanner.scan(&[*byte], |frame| self.streams.take(side, frame));
        }
    }

    fn frame(&mut self, side: Side, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.send(side, &frame);
    }

    fn live(&self) -> usize {
        self.streams.0.borrow().live.len()
    }
}

#[test]
fn a_stream_lives_until_both_sides_have_ended_it() {
    let mut wire = Wire::new();
    wire.frame(Side::Ours, 4, 0, 0, &[0; 12]);
    wire.frame(Side::Ours, HEADERS, 4, 1, b"request");
    assert_eq!(wire.live(), 1);
    wire.frame(Side::Theirs, HEADERS, 4, 1, b"response");
    wire.frame(Side::Theirs, DATA, END_STREAM, 1, b"the body");
    assert_eq!(wire.live(), 1, "the request has not been sent yet");
    wire.frame(Side::Ours, DATA, END_STREAM, 1, b"");
    assert_eq!(wire.live(), 0);
}

#[test]
fn a_reset_by_either_side_ends_a_stream() {
    for side in [Side::Ours, Side::Theirs] {
        let mut wire = Wire::new();
        wire.frame(Side::Ours, HEADERS, 5, 1, b"request");
        wire.frame(Side::Ours, HEADERS, 5, 3, b"request");
        wire.frame(side, RST_STREAM, 0, 3, &[0; 4]);
        assert_eq!(wire.live(), 1);
    }
}

#[test]
fn a_goaway_ends_the_streams_that_it_passes_over() {
    let mut wire = Wire::new();
    for stream in [1, 3, 5] {
        wire.frame(Side::Ours, HEADERS, 5, stream, b"request");
    }
    wire.frame(Side::Theirs, GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0, b'x']);
    assert_eq!(wire.live(), 2);
    wire.frame(Side::Theirs, HEADERS, 5, 1, b"response");
    assert_eq!(wire.live(), 1);
}

#[test]
fn a_stream_that_the_peer_opens_is_not_counted() {
    let mut wire = Wire::new();
    wire.frame(Side::Theirs, HEADERS, 4, 2, b"pushed");
    assert_eq!(wire.live(), 0);
}

#[test]
fn leases_are_kept_while_their_streams_live() {
    let mut wire = Wire::new();
    let streams = wire.streams.clone();
    wire.frame(Side::Ours, HEADERS, 5, 1, b"request");
    wire.frame(Side::Ours, HEADERS, 5, 3, b"request");
    let mut context = Context::from_waker(Waker::noop());
    let (mut one, mut three) = (pin!(streams.ended()), pin!(streams.ended()));
    assert!(one.as_mut().poll(&mut context).is_pending());
    assert!(three.as_mut().poll(&mut context).is_pending());
    wire.frame(Side::Theirs, DATA, END_STREAM, 3, b"");
    assert!(
        one.as_mut().poll(&mut context).is_ready(),
        "it stands for the other"
    );
    assert!(three.as_mut().poll(&mut context).is_pending());
    streams.end();
    assert!(three.as_mut().poll(&mut context).is_ready());
}
