//! The heads of HTTP/1.1, line by line, before hyper parses them.
//!
//! hyper reserves memory for each field that it may parse, and more than a hundred of them cost an
//! allocation for each response. So it gets the first fields of a head and those that it
//! interprets. The others are kept back, and added to the head that it has parsed.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::ParserConfig;
use memchr::memchr;
use tokio::io::ReadBuf;

use crate::head::{Excess, HeadLimits};
use crate::inspect::{Inspected, Refused};
use crate::outgoing::Gate;

/// The fields of a head that hyper parses without an allocation.
pub(crate) const PARSED: usize = 100;

/// The first fields of a head, which hyper gets if there are more than [`PARSED`].
const FIRST: usize = 64;

/// The fields that hyper interprets. It gets all of them.
fn is_interpreted(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE].contains(name)
}

/// Reads the interim heads and the head of each response of one connection.
pub(crate) struct Heads {
    limits: HeadLimits,
    place: Place,
    /// The beginning of a status line.
    status: [u8; STATUS],
    /// The interim heads before this response.
    interim: usize,
    /// The gate of the request's body, if the body waits for a 100.
    gate: Option<Arc<Gate>>,
    /// The part of the current line that has been read.
    line: Line,
    /// The fields of the current head.
    fields: usize,
    /// The bytes of the current head.
    length: usize,
    surplus: Surplus,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a status line, with this many bytes known.
    Status(usize),
    Interim,
    Final,
    /// In the fields of a final head that hyper gets only in part.
    Surplus,
    /// No head can follow before the next request.
    Over,
}

#[derive(Clone, Copy)]
enum Line {
    Nothing,
    /// A carriage return: the line may be the empty one that ends the head.
    Return,
    Text,
}

// `HTTP/1.1 103`: the length of a status line including the status, and the position of the status.
const STATUS: usize = 12;
const CODE: usize = 9;

impl Heads {
    pub(crate) fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            place: Place::Over,
            status: [0; STATUS],
            interim: 0,
            gate: None,
            line: Line::Nothing,
            fields: 0,
            length: 0,
            surplus: Surplus::default(),
        }
    }

    /// Starts a new request.
    pub(crate) fn begin(&mut self, gate: Option<Arc<Gate>>) {
        self.gate = gate;
        self.interim = 0;
        self.place = Place::Status(0);
    }

    /// Puts bytes of earlier reads that hyper may see into the buffer; returns whether there were any.
    pub(crate) fn put_left(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let left = &mut self.surplus.left;
        if left.is_empty() {
            return false;
        }
        let put = left.len().min(buf.remaining());
        buf.put_slice(&left[..put]);
        left.drain(..put);
        true
    }

    /// Reads the bytes from `start` on; the buffer keeps those that hyper may see.
    pub(crate) fn read(
        &mut self,
        buf: &mut ReadBuf<'_>,
        start: usize,
    ) -> Result<Inspected, Refused> {
        let bytes = &buf.filled()[start..];
        let before = self.interim;
        let goes_on = self.place == Place::Interim;
        let passed = self.pass(bytes)?;
        let interim = goes_on || self.interim > before;
        if interim {
            Refused::over_interim(self.interim, self.limits.interim)?;
        }
        let mut kept_back = false;
        if passed < bytes.len() {
            let rest = bytes[passed..].to_vec();
            buf.set_filled(start + passed);
            self.divert(&rest)?;
            kept_back = !self.put_left(buf) && passed == 0;
        }
        Ok(Inspected { interim, kept_back })
    }

    /// Adds the fields that were kept back to the head that hyper has parsed.
    pub(crate) fn complete(&mut self, head: &mut HeaderMap) {
        for (name, value) in self.surplus.fields.drain(..) {
            head.append(name, value);
        }
    }

    /// The number of leading bytes that hyper may see unchanged.
    fn pass(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let mut passed = 0;
        while passed < bytes.len() {
            let rest = &bytes[passed..];
            let taken = match self.place {
                Place::Over => return Ok(bytes.len()),
                Place::Surplus => return Ok(passed),
                Place::Status(known) => self.read_status(known, rest),
                Place::Interim | Place::Final => self.read_lines(rest)?,
            };
            self.length += taken;
            passed += taken;
        }
        Ok(passed)
    }

    /// Reads a status line up to its status; returns how many bytes that took.
    fn read_status(&mut self, known: usize, bytes: &[u8]) -> usize {
        // Empty lines may come before a status line (RFC 9112, section 2.2).
        if known == 0 && matches!(bytes[0], b'\r' | b'\n') {
            return 1;
        }
        let taken = bytes.len().min(STATUS - known);
        self.status[known..known + taken].copy_from_slice(&bytes[..taken]);
        self.place = match known + taken {
            STATUS => self.begin_head(),
            known => Place::Status(known),
        };
        taken
    }

    /// The place after a complete status. 101 is a final response (RFC 9110, section 15.2.2).
    fn begin_head(&mut self) -> Place {
        self.line = Line::Text;
        self.fields = 0;
        self.length = 0;
        let code = &self.status[CODE..];
        if code[0] != b'1' || code == b"101" {
            if let Some(gate) = self.gate.take() {
                gate.shut();
            }
            return Place::Final;
        }
        if let Some(gate) = self.gate.take_if(|_| code == b"100") {
            gate.open();
        }
        self.interim += 1;
        Place::Interim
    }

    /// Reads lines up to the end of the head, or to the first field that hyper may not see; returns
    /// how many bytes that took.
    fn read_lines(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let mut taken = 0;
        while let Some(first) = bytes.get(taken) {
            match (self.line, first) {
                (Line::Nothing | Line::Return, b'\n') => {
                    self.end_head();
                    return Ok(taken + 1);
                }
                (Line::Nothing, b'\r') => {
                    self.line = Line::Return;
                    taken += 1;
                    continue;
                }
                // A fold belongs to the field before.
                (Line::Nothing, b' ' | b'\t') | (Line::Return | Line::Text, _) => {}
                (Line::Nothing, _) => {
                    if self.is_enough() {
                        self.place = Place::Surplus;
                        return Ok(taken);
                    }
                    self.add_field()?;
                }
            }
            let end = memchr(b'\n', &bytes[taken..]);
            self.line = end.map_or(Line::Text, |_| Line::Nothing);
            taken = end.map_or(bytes.len(), |end| taken + end + 1);
        }
        Ok(taken)
    }

    fn end_head(&mut self) {
        self.place = match self.place {
            Place::Interim => Place::Status(0),
            _ => Place::Over,
        };
    }

    /// Whether hyper has got its share of the fields of a final head.
    fn is_enough(&self) -> bool {
        self.place == Place::Final && self.fields == FIRST && self.limits.fields > PARSED
    }

    fn add_field(&mut self) -> Result<(), Refused> {
        self.fields += 1;
        let excess = match self.place {
            Place::Interim if self.fields > PARSED => Some(Excess::of_interim()),
            Place::Surplus => self.limits.over(self.fields, self.length),
            _ => None,
        };
        excess.map_or(Ok(()), |excess| Err(Refused::Head(excess)))
    }

    /// Reads lines of a head that hyper gets only in part, and the bytes after it.
    fn divert(&mut self, mut bytes: &[u8]) -> Result<(), Refused> {
        while self.place == Place::Surplus {
            let end = memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
            let (line, rest) = bytes.split_at(end);
            self.surplus.line.extend_from_slice(line);
            self.length += line.len();
            bytes = rest;
            if !line.ends_with(b"\n") {
                let excess = self.limits.over(self.fields, self.length);
                return excess.map_or(Ok(()), |excess| Err(Refused::Head(excess)));
            }
            match self.surplus.end_line() {
                Ended::Head => self.end_head(),
                Ended::Field => self.add_field()?,
                Ended::Fold => {}
            }
        }
        self.surplus.left.extend_from_slice(bytes);
        Ok(())
    }
}

/// What is kept back of a head.
#[derive(Default)]
struct Surplus {
    /// A line without its end.
    line: Vec<u8>,
    /// The current field, with its folds.
    field: Vec<u8>,
    fields: Vec<(HeaderName, HeaderValue)>,
    /// The bytes that hyper gets next.
    left: Vec<u8>,
}

enum Ended {
    Field,
    Fold,
    Head,
}

impl Surplus {
    fn end_line(&mut self) -> Ended {
        let ended = match self.line.as_slice() {
            b"\n" | b"\r\n" => Ended::Head,
            [b' ' | b'\t', ..] => Ended::Fold,
            _ => Ended::Field,
        };
        if !matches!(ended, Ended::Fold) {
            self.end_field();
        }
        let to = match ended {
            Ended::Head => &mut self.left,
            Ended::Fold | Ended::Field => &mut self.field,
        };
        to.append(&mut self.line);
        ended
    }

    /// Sorts the current field. A malformed one is for hyper to reject.
    fn end_field(&mut self) {
        match parse(&self.field) {
            Some((name, value)) if !is_interpreted(&name) => self.fields.push((name, value)),
            _ => self.left.extend_from_slice(&self.field),
        }
        self.field.clear();
    }
}

/// The name and value of a field, by hyper's parser and in hyper's way.
fn parse(field: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let head = [b"HTTP/1.1 200\r\n", field, b"\r\n"].concat();
    let mut fields = [httparse::EMPTY_HEADER];
    let mut response = httparse::Response::new(&mut fields);
    let mut config = ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    let parsed = config.parse_response(&mut response, &head).ok()?;
    let [field] = response.headers else {
        return None;
    };
    let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
    let value = HeaderValue::from_bytes(&unfold(field.value)).ok()?;
    parsed.is_complete().then_some((name, value))
}

/// Puts a space in place of each fold (RFC 9112, section 5.2).
fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\n') {
        return Cow::Borrowed(value);
    }
    let lines = value.split(|byte| *byte == b'\n');
    let lines: Vec<_> = lines.map(<[u8]>::trim_ascii).collect();
    Cow::Owned(lines.join(&b' '))
}

#[cfg(test)]
mod tests;
