//! The chunks of a body (RFC 9112, section 7.1).

use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::Status;
use hyper::body::Bytes;

use crate::head::{HeadLimits, Part};
use crate::outgoing::BoxError;

/// Reads a body in chunks. Lines must end with CR and LF: a reader that takes another end of a line
/// finds another end of the body.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    place: Place,
    /// The size of the chunk, then the number of its bytes that are missing.
    size: u64,
    /// The bytes of all extensions so far.
    extensions: usize,
    /// The lines of the trailers.
    trailers: Vec<u8>,
    lines: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size,
    /// In the space that may follow a size.
    Space,
    Extension,
    /// Before the LF of the line with the size.
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    /// At the begin of a trailer, or at the CR that ends them.
    Line,
    Trailer,
    TrailerLf,
    LastLf,
    Done,
}

/// A part of a body.
#[derive(Debug)]
pub(crate) enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    /// More bytes are needed.
    Missing,
}

/// More bytes of extensions than any server sends.
const MOST_EXTENSIONS: usize = 16 * 1024;

impl Chunks {
    pub(crate) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// Takes the next part out of the bytes that have arrived.
    pub(crate) fn next(&mut self, bytes: &mut Bytes, limits: HeadLimits) -> Result<Step, BoxError> {
        let mut taken = 0;
        let step = loop {
            if self.place == Place::Done {
                break self.end()?;
            }
            if taken == bytes.len() {
                break Step::Missing;
            }
            if self.place == Place::Data {
                let length = usize::try_from(self.size).unwrap_or(usize::MAX);
                let _line = bytes.split_to(taken);
                let data = bytes.split_to(length.min(bytes.len()));
                self.size -= data.len() as u64;
                if self.size == 0 {
                    self.place = Place::DataCr;
                }
                return Ok(Step::Data(data));
            }
            self.place = self.pass(bytes[taken], limits)?;
            taken += 1;
        };
        let _line = bytes.split_to(taken);
        Ok(step)
    }

    /// The place after this byte, which is none of the data.
    fn pass(&mut self, byte: u8, limits: HeadLimits) -> Result<Place, BoxError> {
        let what = match (self.place, byte) {
            (Place::Start | Place::Size, byte) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                let size = self.size.checked_mul(16);
                self.size = size.ok_or("the size of a chunk is too large")? + u64::from(digit);
                return Ok(Place::Size);
            }
            (Place::Size | Place::Space, b' ' | b'\t') => return Ok(Place::Space),
            (Place::Size | Place::Space, b';') => return Ok(Place::Extension),
            (Place::Size | Place::Space | Place::Extension, b'\r') => return Ok(Place::SizeEnd),
            (Place::SizeEnd, b'\n') if self.size > 0 => return Ok(Place::Data),
            (Place::SizeEnd, b'\n') => return Ok(Place::Line),
            (Place::Extension, b'\n') => "an extension of a chunk contains a newline",
            (Place::Extension, _) => {
                self.extensions += 1;
                if self.extensions < MOST_EXTENSIONS {
                    return Ok(Place::Extension);
                }
                "the extensions of the chunks are too long"
            }
            (Place::DataCr, b'\r') => return Ok(Place::DataLf),
            (Place::DataLf, b'\n') => return Ok(Place::Start),
            (Place::Line, b'\r') => return Ok(Place::LastLf),
            (Place::LastLf, b'\n') => return Ok(Place::Done),
            (Place::Trailer, b'\r') => return Ok(Place::TrailerLf),
            (Place::Line | Place::Trailer, _) => {
                self.trailers.push(byte);
                limits.check_lines(Part::Trailers, self.lines, self.trailers.len())?;
                return Ok(Place::Trailer);
            }
            (Place::TrailerLf, b'\n') => {
                self.trailers.extend(b"\r\n");
                self.lines += 1;
                limits.check_lines(Part::Trailers, self.lines, self.trailers.len())?;
                return Ok(Place::Line);
            }
            (Place::Start | Place::Size | Place::Space, _) => "the size of a chunk makes no sense",
            _ => "a line of a chunk does not end with CR and LF",
        };
        Err(what.into())
    }

    fn end(&mut self) -> Result<Step, BoxError> {
        if self.trailers.is_empty() {
            return Ok(Step::End);
        }
        let mut lines = std::mem::take(&mut self.trailers);
        lines.extend(b"\r\n");
        let mut fields = vec![httparse::EMPTY_HEADER; self.lines];
        let Status::Complete((_, fields)) = httparse::parse_headers(&lines, &mut fields)? else {
            return Err("the trailers are cut".into());
        };
        let mut trailers = HeaderMap::with_capacity(fields.len());
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes())?;
            trailers.append(name, HeaderValue::from_bytes(field.value)?);
        }
        Ok(Step::Trailers(trailers))
    }
}
