//! The heads of HTTP/1.1, line by line, before hyper parses them.
//!
//! hyper reserves memory for each field that it may parse, and more than a hundred of them cost an
//! allocation for each response. So it gets the first fields of a head and those that it
//! interprets. The others are kept back, and added to the head that it has parsed.
//!
//! A user agent must accept folded lines (RFC 9112, section 5.2). hyper looks for folds in each byte
//! of a value, so they are undone here, where the ends of lines are known.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::Status;
use memchr::{memchr, memchr_iter};
use tokio::io::ReadBuf;

use crate::head::{Excess, HeadLimits, Part};
use crate::inspect::{Inspected, Inspector};
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
#[derive(Default)]
pub(crate) struct Heads {
    limits: HeadLimits,
    place: Place,
    /// The beginning of a status line.
    status: [u8; STATUS],
    /// The interim heads before this response.
    interim: usize,
    /// The gate of the request's body, if the body waits for a 100.
    gate: Option<Gate>,
    /// The lines of the current head, with the status line and without folds.
    lines: usize,
    /// The bytes of the current head that were read line by line.
    length: usize,
    /// A line without its end.
    line: Vec<u8>,
    /// The last line, with its folds so far.
    last: Vec<u8>,
    /// The fields that are kept back.
    surplus: Vec<(HeaderName, HeaderValue)>,
    /// The bytes that hyper gets next.
    left: Vec<u8>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// In a status line, with this many bytes known.
    Status(usize),
    /// In a head, from its status on.
    Head(Kind),
    /// In a head that arrives in pieces, or that hyper must not see as it is.
    Lines(Kind),
    /// No head can follow before the next request.
    #[default]
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Interim,
    Final,
}

// `HTTP/1.1 103`: the length of a status line including the status, and the position of the status.
const STATUS: usize = 12;
const CODE: usize = 9;

impl Heads {
    pub(crate) fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// The number of leading bytes that hyper may see unchanged.
    fn pass(&mut self, bytes: &[u8]) -> Result<usize, Excess> {
        let mut passed = 0;
        while passed < bytes.len() {
            let rest = &bytes[passed..];
            passed += match self.place {
                Place::Done => return Ok(bytes.len()),
                Place::Lines(_) => return Ok(passed),
                Place::Status(known) => self.read_status(known, rest),
                Place::Head(kind) => self.read_head(kind, rest)?,
            };
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
            STATUS => Place::Head(self.begin_head()),
            known => Place::Status(known),
        };
        taken
    }

    /// The kind of a head with this status. 101 is a final response (RFC 9110, section 15.2.2).
    fn begin_head(&mut self) -> Kind {
        self.lines = 0;
        self.length = 0;
        let code = &self.status[CODE..];
        if code[0] != b'1' || code == b"101" {
            self.gate = None;
            return Kind::Final;
        }
        if let Some(gate) = self.gate.take_if(|_| code == b"100") {
            // The body may have been given up.
            let _ = gate.send(());
        }
        self.interim += 1;
        Kind::Interim
    }

    /// Reads a head up to its end. Stops at a line that hyper must not see as it is, or whose end is
    /// not known; returns how many bytes that took.
    fn read_head(&mut self, kind: Kind, bytes: &[u8]) -> Result<usize, Excess> {
        let (mut line, mut lines) = (0, 0);
        let most = match kind {
            Kind::Interim => PARSED,
            Kind::Final if self.limits.fields > PARSED => FIRST,
            Kind::Final => self.limits.fields,
        };
        for end in memchr_iter(b'\n', bytes) {
            let next = end + 1;
            match &bytes[next..] {
                [b'\n', ..] => {
                    self.end_head(kind);
                    return Ok(next + 1);
                }
                [b'\r', b'\n', ..] => {
                    self.end_head(kind);
                    return Ok(next + 2);
                }
                // The line may go on.
                [] | [b'\r'] | [b' ' | b'\t', ..] => break,
                _ => {
                    line = next;
                    lines += 1;
                    if lines > most {
                        break;
                    }
                }
            }
        }
        self.lines = lines;
        self.check(kind)?;
        self.place = Place::Lines(kind);
        self.length = STATUS + line;
        Ok(line)
    }

    fn end_head(&mut self, kind: Kind) {
        self.place = match kind {
            Kind::Interim => Place::Status(0),
            Kind::Final => Place::Done,
        };
    }

    /// Checks the size of the head so far.
    fn check(&self, kind: Kind) -> Result<(), Excess> {
        let part = match kind {
            Kind::Interim => Part::Interim,
            Kind::Final => Part::Head,
        };
        self.limits.check_lines(part, self.lines, self.length)
    }

    /// Reads a head line by line, and the bytes after it.
    fn read_lines(&mut self, mut bytes: &[u8]) -> Result<(), Excess> {
        while !bytes.is_empty() {
            let Place::Lines(kind) = self.place else {
                let passed = self.pass(bytes)?;
                self.left.extend_from_slice(&bytes[..passed]);
                bytes = &bytes[passed..];
                continue;
            };
            let end = memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
            let (line, rest) = bytes.split_at(end);
            self.line.extend_from_slice(line);
            self.length += line.len();
            bytes = rest;
            self.check(kind)?;
            match self.line.as_slice() {
                line if !line.ends_with(b"\n") => return Ok(()),
                // The rest of the status line may be empty.
                _ if self.lines == 0 && self.last.is_empty() => self.last.append(&mut self.line),
                b"\n" | b"\r\n" => {
                    self.end_line(kind);
                    self.left.append(&mut self.line);
                    self.end_head(kind);
                }
                [b' ' | b'\t', ..] => self.last.append(&mut self.line),
                _ => {
                    if !self.last.is_empty() {
                        self.end_line(kind);
                        self.lines += 1;
                        self.check(kind)?;
                    }
                    self.last.append(&mut self.line);
                }
            }
        }
        Ok(())
    }

    /// Sorts the last line. A malformed one is for hyper to reject.
    fn end_line(&mut self, kind: Kind) {
        let is_folded = memchr(b'\n', &self.last) != Some(self.last.len() - 1);
        // hyper has got its share of the fields.
        let is_surplus = kind == Kind::Final && self.lines > FIRST && self.limits.fields > PARSED;
        let parsed = match self.lines > 0 && (is_folded || is_surplus) {
            true => parse(&self.last),
            false => None,
        };
        match parsed {
            Some((name, value)) if is_surplus && !is_interpreted(&name) => {
                self.surplus.push((name, value));
            }
            Some((name, value)) if is_folded => {
                let unfolded = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
                self.left.extend_from_slice(&unfolded.concat());
            }
            _ => self.left.extend_from_slice(&self.last),
        }
        self.last.clear();
    }
}

impl Inspector for Heads {
    fn begin(&mut self, gate: Option<Gate>) {
        self.gate = gate;
        self.interim = 0;
        self.place = Place::Status(0);
    }

    fn put_left(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if self.left.is_empty() {
            return false;
        }
        let put = self.left.len().min(buf.remaining());
        buf.put_slice(&self.left[..put]);
        self.left.drain(..put);
        true
    }

    fn read(&mut self, buf: &mut ReadBuf<'_>, start: usize) -> Result<Inspected, Excess> {
        let bytes = &buf.filled()[start..];
        let before = self.interim;
        let goes_on = matches!(
            self.place,
            Place::Head(Kind::Interim) | Place::Lines(Kind::Interim)
        );
        let passed = self.pass(bytes)?;
        let mut kept_back = false;
        if passed < bytes.len() {
            let rest = bytes[passed..].to_vec();
            buf.set_filled(start + passed);
            self.read_lines(&rest)?;
            kept_back = !self.put_left(buf) && passed == 0;
        }
        let interim = goes_on || self.interim > before;
        if interim {
            self.limits.check_interim(self.interim)?;
        }
        Ok(Inspected { interim, kept_back })
    }

    fn complete(&mut self, head: &mut HeaderMap) {
        for (name, value) in self.surplus.drain(..) {
            head.append(name, value);
        }
    }
}

/// The name and value of a field, by hyper's parser. A space takes the place of each fold (RFC 9112,
/// section 5.2).
fn parse(field: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let lines = field.split(|byte| *byte == b'\n');
    // A CR elsewhere than at the end of a line stays, and is refused.
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines: Vec<_> = lines.map(without_spaces).collect();
    let line = [&lines.join(&b' '), &b"\r\n\r\n"[..]].concat();
    let mut fields = [httparse::EMPTY_HEADER];
    let Ok(Status::Complete((_, [field]))) = httparse::parse_headers(&line, &mut fields) else {
        return None;
    };
    let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
    Some((name, HeaderValue::from_bytes(field.value).ok()?))
}

fn without_spaces(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests;
