//! Where the body of a response ends, and whether its connection can be used again (RFC 9112,
//! sections 6.3 and 9.3).

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, StatusCode, Version};
use http_body::SizeHint;

use super::chunks::Chunks;

/// The rest of a body.
#[derive(Debug)]
pub(crate) enum Framing {
    /// This many bytes.
    Length(u64),
    Chunks(Box<Chunks>),
    /// All until the peer closes the connection.
    Close,
    /// Nothing.
    Ended,
}

impl Framing {
    pub(crate) fn is_ended(&self) -> bool {
        match self {
            Self::Ended => true,
            Self::Chunks(chunks) => chunks.is_done(),
            Self::Length(_) | Self::Close => false,
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ended => SizeHint::with_exact(0),
            Self::Length(left) => SizeHint::with_exact(*left),
            Self::Chunks(_) | Self::Close => SizeHint::default(),
        }
    }
}

/// What the fields of a head say of its framing.
#[derive(Default)]
pub(super) struct Fields {
    /// Whether chunks are the last coding; `None` without codings.
    chunked: Option<bool>,
    /// The length, or that the lengths make no sense.
    length: Option<Result<u64, Senseless>>,
    closes: bool,
    keeps: bool,
    /// Whether `Keep-Alive` has parameters.
    pub(super) has_terms: bool,
}

#[derive(Clone, Copy, PartialEq)]
struct Senseless;

impl Fields {
    pub(super) fn take(&mut self, name: &HeaderName, value: &HeaderValue) {
        if *name == CONTENT_LENGTH {
            for number in numbers(value) {
                let is_other = self.length.is_some_and(|length| length != number);
                self.length = Some(if is_other { Err(Senseless) } else { number });
            }
        } else if *name == TRANSFER_ENCODING {
            self.chunked = Some(is_chunked(value));
        } else if *name == CONNECTION {
            for option in value.to_str().unwrap_or_default().split(',') {
                self.closes |= option.trim().eq_ignore_ascii_case("close");
                self.keeps |= option.trim().eq_ignore_ascii_case("keep-alive");
            }
        } else if name.as_str() == "keep-alive" {
            self.has_terms = true;
        }
    }

    /// The framing of the body after this head, the final one. `is_head`: the request was a `HEAD`.
    pub(super) fn framing(
        &self,
        status: StatusCode,
        version: Version,
        is_head: bool,
    ) -> Result<Framing, &'static str> {
        if is_head || matches!(status.as_u16(), 101 | 204 | 304) {
            return Ok(Framing::Ended);
        }
        match (self.chunked, self.length) {
            (Some(_), _) if version == Version::HTTP_10 => Err("HTTP/1.0 has no transfer-encoding"),
            (Some(true), _) => Ok(Framing::Chunks(Box::default())),
            (Some(false), _) | (None, None) => Ok(Framing::Close),
            (None, Some(Ok(0))) => Ok(Framing::Ended),
            (None, Some(Ok(length))) => Ok(Framing::Length(length)),
            (None, Some(Err(Senseless))) => Err("the content-length makes no sense"),
        }
    }

    /// Whether the peer keeps the connection after the response, as far as the head says.
    pub(super) fn keeps(&self, version: Version) -> bool {
        // With two framings, another reader of the message may have found its end elsewhere.
        let is_ambiguous = self.chunked.is_some() && self.length.is_some();
        !is_ambiguous && !self.closes && (version == Version::HTTP_11 || self.keeps)
    }
}

/// Whether chunks are the last coding.
fn is_chunked(codings: &HeaderValue) -> bool {
    let last = codings
        .to_str()
        .ok()
        .and_then(|text| text.rsplit(',').next());
    last.is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"))
}

/// The numbers of a list. Equal ones are one (RFC 9110, section 8.6).
fn numbers(value: &HeaderValue) -> impl Iterator<Item = Result<u64, Senseless>> {
    let text = value.to_str().unwrap_or_default();
    text.split(',').map(|number| number_of(number.trim()))
}

fn number_of(text: &str) -> Result<u64, Senseless> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.filter(|&number| number <= LONGEST).ok_or(Senseless)
}

// The longest body that hyper reads.
const LONGEST: u64 = u64::MAX - 2;
