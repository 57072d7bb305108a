//! Limits the number of interim responses (RFC 9110, section 15.2) before a response.
//!
//! hyper skips them without a limit and without a pause, so we count them as they are read from the
//! transport. For a final response this inspects only its first bytes (HTTP/1.1), or its frame
//! headers (HTTP/2).

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::outgoing::Gate;

/// The default limit.
pub(crate) const MAX_INTERIM: usize = 1000;

/// Counts the interim responses of one connection.
pub(crate) struct Interim {
    max: usize,
    speaks: Speaks,
}

enum Speaks {
    One(Heads),
    Two(Box<Frames>),
}

impl Interim {
    /// A counter for HTTP/1.1.
    pub(crate) fn of_one(max: usize) -> Self {
        let speaks = Speaks::One(Heads::default());
        Self { max, speaks }
    }

    /// A counter for HTTP/2.
    pub(crate) fn of_two(max: usize) -> Self {
        let speaks = Speaks::Two(Box::default());
        Self { max, speaks }
    }

    /// Starts to count for a new HTTP/1.1 request. A response of 100 opens the gate of the
    /// request's body, if there is one.
    pub(crate) fn begin(&mut self, gate: Option<Arc<Gate>>) {
        if let Speaks::One(heads) = &mut self.speaks {
            heads.begin(gate);
        }
    }

    /// Counts in the read bytes; returns whether they contain interim responses.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<bool, TooManyInterim> {
        let before = match &mut self.speaks {
            Speaks::One(heads) => heads.read(bytes),
            Speaks::Two(frames) => frames.read(bytes),
        };
        match before > self.max {
            true => Err(TooManyInterim { max: self.max }),
            false => Ok(before > 0),
        }
    }
}

/// More interim responses arrived than allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooManyInterim {
    max: usize,
}

impl fmt::Display for TooManyInterim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = self.max;
        write!(
            f,
            "more interim responses (1xx) came than the {max} of max_interim_responses"
        )
    }
}

impl Error for TooManyInterim {}

/// Parses the interim heads of HTTP/1.1, and the start of the response's head.
#[derive(Default)]
struct Heads {
    place: Place,
    line: [u8; STATUS],
    count: usize,
    /// The gate of the request's body, if the body waits for a 100.
    gate: Option<Arc<Gate>>,
}

#[derive(Clone, Copy, Default)]
enum Place {
    /// In a status line, with this many bytes known.
    Line(usize),
    /// In an interim head, after this kind of byte.
    Head(After),
    /// No interim head can follow.
    #[default]
    Over,
}

#[derive(Clone, Copy)]
enum After {
    Text,
    /// The end of a line: the next may be the empty line that ends the head.
    Line,
    /// The carriage return of that empty line.
    Return,
}

// `HTTP/1.1 103`: the length of a status line including the status, and the position of the status.
const STATUS: usize = 12;
const CODE: usize = 9;

impl Heads {
    fn begin(&mut self, gate: Option<Arc<Gate>>) {
        self.gate = gate;
        self.place = Place::Line(0);
        self.count = 0;
    }

    /// The number of interim heads so far, or 0 if these bytes contain none.
    fn read(&mut self, bytes: &[u8]) -> usize {
        // Fast path: most responses begin with the final head, complete up to its status.
        if let (Place::Line(0), Some(line)) = (self.place, bytes.first_chunk::<STATUS>())
            && line.starts_with(b"HTTP/")
            && line[CODE] != b'1'
        {
            self.place = self.response();
            return 0;
        }
        let before = self.count;
        let goes_on = matches!(self.place, Place::Head(_));
        for &byte in bytes {
            match self.place {
                Place::Over => break,
                // Empty lines may come before a status line (RFC 9112, section 2.2).
                Place::Line(0) if matches!(byte, b'\r' | b'\n') => {}
                Place::Line(known) => {
                    self.line[known] = byte;
                    self.place = match known + 1 {
                        STATUS => self.status(),
                        known => Place::Line(known),
                    };
                }
                Place::Head(after) => self.place = after.next(byte),
            }
        }
        match self.count > before || goes_on {
            true => self.count,
            false => 0,
        }
    }

    /// The place after a complete status. 101 is a final response (RFC 9110, section 15.2.2).
    fn status(&mut self) -> Place {
        let code = &self.line[CODE..];
        if code[0] != b'1' || code == b"101" {
            return self.response();
        }
        if let Some(gate) = self.gate.take_if(|_| code == b"100") {
            gate.open();
        }
        self.count += 1;
        Place::Head(After::Text)
    }

    /// The place after the status of the final response.
    fn response(&mut self) -> Place {
        if let Some(gate) = self.gate.take() {
            gate.shut();
        }
        Place::Over
    }
}

impl After {
    fn next(self, byte: u8) -> Place {
        match (self, byte) {
            (Self::Line | Self::Return, b'\n') => Place::Line(0),
            (Self::Line, b'\r') => Place::Head(Self::Return),
            (_, b'\n') => Place::Head(Self::Line),
            _ => Place::Head(Self::Text),
        }
    }
}

/// Parses the frame headers of HTTP/2, of nine bytes each (RFC 9113, section 4.1).
///
/// A response's head is compressed. But if a HEADERS frame without END_STREAM follows another, the
/// earlier one was interim: trailers end their stream (section 8.1).
struct Frames {
    /// How many bytes to skip before the next header.
    skip: usize,
    head: [u8; FRAME],
    known: usize,
    /// The streams, and the number of such heads on each. Streams with the same remainder share a
    /// place, so a peer with that many concurrent exchanges can hide some.
    heads: [(u32, usize); PLACES],
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            skip: 0,
            head: [0; FRAME],
            known: 0,
            heads: [(0, 0); PLACES],
        }
    }
}

const FRAME: usize = 9;
const PLACES: usize = 64;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;

impl Frames {
    /// The largest number of interim heads on one stream, among the streams with such heads in
    /// these bytes.
    fn read(&mut self, mut bytes: &[u8]) -> usize {
        let mut most = 0;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (FRAME - self.known).min(bytes.len());
            if taken == 0 {
                return most;
            }
            self.head[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
            self.known += taken;
            bytes = &bytes[taken..];
            if self.known == FRAME {
                self.known = 0;
                most = most.max(self.frame());
            }
        }
    }

    /// The number of interim heads on the stream of this frame, if the frame is one or may be.
    fn frame(&mut self) -> usize {
        let [a, b, c, kind, flags, stream @ ..] = self.head;
        self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
        if kind != HEADERS || flags & END_STREAM != 0 {
            return 0;
        }
        let stream = u32::from_be_bytes(stream);
        // Clients use odd stream numbers.
        let place = &mut self.heads[stream as usize / 2 % PLACES];
        *place = match *place {
            (known, heads) if known == stream => (stream, heads + 1),
            _ => (stream, 1),
        };
        place.1 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the number of interim heads, for every cut of the bytes in two.
    #[track_caller]
    fn found(said: &str, expected: usize) {
        for cut in 0..=said.len() {
            let mut heads = Heads::default();
            heads.begin(None);
            let (first, second) = said.as_bytes().split_at(cut);
            heads.read(first);
            heads.read(second);
            assert_eq!(heads.count, expected, "cut at {cut}");
        }
    }

    #[test]
    fn heads_are_counted_up_to_that_of_the_response() {
        let hints = "HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n";
        let ok = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        found(ok, 0);
        found("HTTP/1.1 101 Switching Protocols\r\n\r\n", 0);
        found(&format!("{hints}{ok}"), 1);
        found(&format!("\r\n{hints}\r\n\n{hints}{ok}"), 2);
        found("HTTP/1.0 100\n\nHTTP/1.1 199 x\na: b\r\n\nHTTP/1.1 102", 3);
        found("HTTP/1.1 100 a\r\r\n\r\r\n\r\nHTTP/1.1 100", 2);
        found("no status line at all HTTP/1.1 100\r\n\r\n", 0);
    }

    #[test]
    fn heads_of_one_stream_are_counted() {
        let frame = |kind: u8, flags: u8, stream: u8, length: u8| {
            let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
            frame.extend(vec![1; length.into()]);
            frame
        };
        let said = [
            frame(HEADERS, 4, 1, 3),
            frame(HEADERS, 4, 3, 0),
            frame(0, 0, 1, 200),
            frame(HEADERS, 4, 1, 5),
            frame(HEADERS, 5, 1, 5),
            frame(HEADERS, 4, 1, 5),
        ]
        .concat();
        for cut in 0..=said.len() {
            let mut frames = Frames::default();
            let (first, second) = said.split_at(cut);
            let most = frames.read(first).max(frames.read(second));
            assert_eq!(most, 2, "cut at {cut}");
        }
    }
}
