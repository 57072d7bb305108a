//! Limits on the head of a response, and on the trailers of a body.

use std::error::Error;
use std::fmt;

use http::HeaderMap;
use hyper::client::conn::{http1, http2};

use crate::http1::PARSED;
use crate::http2::Executor;
use crate::outgoing::BoxError;

/// The limits, the same for both versions of HTTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    bytes: usize,
    pub(crate) fields: usize,
    /// The number of interim responses before a response.
    pub(crate) interim: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            bytes: 128 * 1024,
            fields: 1000,
            interim: 1000,
        }
    }
}

impl HeadLimits {
    pub(crate) fn bytes(self, bytes: usize) -> Self {
        let bytes = bytes.clamp(1024, 16 * 1024 * 1024);
        Self { bytes, ..self }
    }

    pub(crate) fn fields(self, fields: usize) -> Self {
        // `HeaderMap` panics at some 24,000 names.
        let fields = fields.clamp(1, 1 << 14);
        Self { fields, ..self }
    }

    pub(crate) fn set_one(self, builder: &mut http1::Builder) {
        if self.fields < PARSED {
            builder.max_headers(self.fields);
        }
        builder
            .max_header_size(self.bytes)
            .max_buf_size(self.bytes.max(MAX_BUFFER));
    }

    /// Gives h2 twice the limit. Above its limit, h2 reports a head like a protocol error, and
    /// silently drops parts of trailers. Up to there our own check names the exceeded limit.
    pub(crate) fn set_two(self, builder: &mut http2::Builder<Executor>) {
        let bytes = u32::try_from(2 * self.bytes).unwrap_or(u32::MAX);
        builder.max_header_list_size(bytes);
    }

    /// The exceeded limit, if hyper rejected an HTTP/1.1 head after `received` bytes for its size.
    pub(crate) fn head_refused(self, error: &hyper::Error, received: u64) -> Option<Excess> {
        let limit = match received < self.bytes as u64 {
            true => self.parsed(),
            false => Limit::Bytes(self.bytes),
        };
        // hyper's method for this exists only for servers.
        let is_too_large = error.is_parse() && error.to_string() == TOO_LARGE;
        is_too_large.then(|| Part::Head.above(limit))
    }

    /// The exceeded limit, if h2 rejected a head for its size, or may have.
    pub(crate) fn stream_refused(self, error: &hyper::Error) -> Option<BoxError> {
        let cause: &h2::Error = error.source()?.downcast_ref()?;
        match cause.reason()? {
            _ if !cause.is_library() => None,
            // h2 reports no details.
            h2::Reason::PROTOCOL_ERROR if cause.is_reset() => {
                let max = self.bytes;
                let what = format!(
                    "the head of the response makes no sense, or is larger than the {max} bytes \
                     of max_header_bytes: {cause}"
                );
                Some(what.into())
            }
            h2::Reason::ENHANCE_YOUR_CALM => {
                let text = cause.to_string();
                let is_head = FLOODS.iter().any(|flood| text.contains(flood));
                is_head.then(|| Part::Head.above(Limit::Bytes(self.bytes)).into())
            }
            _ => None,
        }
    }

    /// The exceeded limit, if hyper rejected HTTP/1.1 trailers for their size.
    pub(crate) fn trailers_refused(self, error: &hyper::Error) -> Option<Excess> {
        let text = error.source()?.to_string();
        let limit = match text.as_str() {
            "chunk trailers bytes over limit" => Limit::Bytes(self.bytes),
            "chunk trailers count overflow" => self.parsed(),
            _ => return None,
        };
        Some(Part::Trailers.above(limit))
    }

    /// Checks an HTTP/1.1 head with at least this many fields and bytes.
    pub(crate) fn check_lines(self, part: Part, fields: usize, bytes: usize) -> Result<(), Excess> {
        let limit = match part {
            Part::Interim if fields > PARSED => Limit::Parsed,
            Part::Trailers if fields > self.fields.min(PARSED) => self.parsed(),
            Part::Head if fields > self.fields => Limit::Fields(self.fields),
            _ if bytes > self.bytes => Limit::Bytes(self.bytes),
            _ => return Ok(()),
        };
        Err(part.above(limit))
    }

    /// Checks the number of interim responses before a response.
    pub(crate) fn check_interim(self, responses: usize) -> Result<(), Excess> {
        match responses > self.interim {
            true => Err(Part::Interim.above(Limit::Responses(self.interim))),
            false => Ok(()),
        }
    }

    /// The excess of a head with more fields than are parsed.
    pub(crate) fn unparsed(self) -> Excess {
        Part::Head.above(self.parsed())
    }

    /// The limit on the fields that hyper parses.
    fn parsed(self) -> Limit {
        match self.fields <= PARSED {
            true => Limit::Fields(self.fields),
            false => Limit::Parsed,
        }
    }

    /// Checks an HTTP/2 head, or trailers, against the limits.
    pub(crate) fn check(self, part: Part, headers: &HeaderMap) -> Result<(), Excess> {
        if headers.len() > self.fields {
            return Err(part.above(Limit::Fields(self.fields)));
        }
        let sizes = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + OVERHEAD);
        match sizes.sum::<usize>() > self.bytes {
            true => Err(part.above(Limit::Bytes(self.bytes))),
            false => Ok(()),
        }
    }
}

// The largest read from the socket, and so the most that is buffered of an unread body, unless the
// limit on heads is larger.
const MAX_BUFFER: usize = 128 * 1024;

// The size of a field in addition to its name and value (RFC 9113, section 6.5.2).
const OVERHEAD: usize = 32;

// hyper's message for a head that is too large.
const TOO_LARGE: &str = "message head is too large";

// h2's debug data in a GOAWAY to a peer that sends far too large a head.
const FLOODS: [&str; 2] = ["header_list_way_too_large", "too_many_continuations"];

/// The part that is too large.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Head,
    Interim,
    Trailers,
}

impl Part {
    fn above(self, limit: Limit) -> Excess {
        Excess { part: self, limit }
    }
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    Bytes(usize),
    Fields(usize),
    /// The fields that hyper parses of one part.
    Parsed,
    /// The number of such parts before a response.
    Responses(usize),
}

/// The error of a part above its limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Excess {
    part: Part,
    limit: Limit,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, are) = match self.part {
            Part::Head => ("the head of the response", "is"),
            Part::Interim => ("the head of an interim response", "is"),
            Part::Trailers => ("the trailers of the body", "are"),
        };
        let excess = match self.limit {
            Limit::Bytes(max) => format!("larger than the {max} bytes of max_header_bytes"),
            Limit::Fields(max) => format!("more than the {max} fields of max_header_fields"),
            Limit::Parsed => format!("more than the {PARSED} fields that are parsed in HTTP/1.1"),
            Limit::Responses(max) => {
                return write!(
                    f,
                    "more interim responses (1xx) came than the {max} of max_interim_responses"
                );
            }
        };
        write!(f, "{part} {are} {excess}")
    }
}

impl Error for Excess {}
