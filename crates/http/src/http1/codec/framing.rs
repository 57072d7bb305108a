//! Where the body of a response ends, and whether its connection can be used again (RFC 9112,
//! sections 6.3 and 9.3).

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
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
    /// The framing of the body after this head, the final one. `is_head`: the request was a `HEAD`.
    pub(crate) fn of(
        status: StatusCode,
        version: Version,
        headers: &HeaderMap,
        is_head: bool,
    ) -> Result<Self, &'static str> {
        let none = [
            StatusCode::SWITCHING_PROTOCOLS,
            StatusCode::NO_CONTENT,
            StatusCode::NOT_MODIFIED,
        ];
        if is_head || none.contains(&status) {
            return Ok(Self::Ended);
        }
        let codings = headers.get_all(TRANSFER_ENCODING).iter();
        if let Some(last) = codings.last() {
            return match (version, is_chunked(last)) {
                (Version::HTTP_10, _) => Err("HTTP/1.0 has no transfer-encoding"),
                (_, true) => Ok(Self::Chunks(Box::default())),
                (_, false) => Ok(Self::Close),
            };
        }
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter().flat_map(numbers);
        match lengths.next() {
            None => Ok(Self::Close),
            Some(Some(0)) if lengths.all(|other| other == Some(0)) => Ok(Self::Ended),
            Some(Some(length)) if lengths.all(|other| other == Some(length)) => {
                Ok(Self::Length(length))
            }
            Some(_) => Err("the content-length makes no sense"),
        }
    }

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

/// Whether the peer keeps the connection after a response, as far as its head says.
pub(super) fn keeps(version: Version, headers: &HeaderMap) -> bool {
    let has = |option: &str| {
        let values = headers.get_all(CONNECTION).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let mut options = texts.flat_map(|text| text.split(','));
        options.any(|given| given.trim().eq_ignore_ascii_case(option))
    };
    // With two framings, another reader of the message may have found its end elsewhere.
    let is_ambiguous =
        headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH);
    !is_ambiguous && !has("close") && (version == Version::HTTP_11 || has("keep-alive"))
}

/// Whether chunks are the last coding.
fn is_chunked(codings: &HeaderValue) -> bool {
    let last = codings
        .to_str()
        .ok()
        .and_then(|text| text.rsplit(',').next());
    last.is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"))
}

/// The numbers of a list; `None` for each that is none. Equal ones are one (RFC 9110, section 8.6).
fn numbers(value: &HeaderValue) -> impl Iterator<Item = Option<u64>> {
    let text = value.to_str().unwrap_or("none");
    text.split(',').map(|number| number_of(number.trim()))
}

fn number_of(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
