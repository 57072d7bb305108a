//! Detects a server that does not use HTTP/2.

use std::error::Error;
use std::fmt;

use crate::error::words;
use crate::outgoing::BoxError;

/// The error of a connection whose server's first bytes are not HTTP/2.
#[derive(Debug)]
pub(crate) struct Foreign {
    beginning: Box<[u8]>,
    source: BoxError,
}

impl Foreign {
    /// Adds the server's first bytes to the error of a connection, if they explain it.
    pub(super) fn explain(error: BoxError, beginning: &[u8]) -> BoxError {
        if is_frame(beginning) {
            return error;
        }
        Box::new(Self {
            beginning: beginning.into(),
            source: error,
        })
    }
}

/// Whether an HTTP/2 frame may begin with these bytes. They are the length of its payload (RFC
/// 9113, section 4.1), which is small, as we allow no more than the default.
fn is_frame(bytes: &[u8]) -> bool {
    let length = (0..3).map(|at| bytes.get(at).copied().unwrap_or(0));
    length.fold(0, |length, byte| length << 8 | u32::from(byte)) <= MAX_FRAME
}

// RFC 9113, section 6.5.2. Neither text nor a TLS record begins with such a length.
const MAX_FRAME: u32 = 1 << 14;

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginning = self.beginning.escape_ascii();
        // A report of an attempt's error omits its sources, so the text includes them.
        let more = words(&*self.source);
        write!(
            f,
            "the server's answer is no HTTP/2, it begins with \"{beginning}\": {more}"
        )
    }
}

impl Error for Foreign {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_begin_a_frame_and_text_does_not() {
        for (bytes, is_one) in [
            (&b""[..], true),
            (b"\0", true),
            (b"\0\0\x06\x04\0\0\0\0\0", true),
            (b"\0\x40\0", true),
            (b"\0\x40\x01", false),
            (b"H", false),
            (b"HTTP/1.1 400 Bad", false),
            (b"\x15\x03\x01\0\x02\x02\x46", false),
        ] {
            assert_eq!(is_frame(bytes), is_one, "{bytes:?}");
        }
    }
}
