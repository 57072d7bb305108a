//! Counts the interim responses of HTTP/2, as far as the frame headers show them.

use tokio::io::ReadBuf;

use super::scanner::{END_STREAM, Frame, HEADERS, Scanner};
use crate::head::{Excess, HeadLimits};
use crate::inspect::{Inspected, Inspector};

/// Counts the interim heads of each stream.
///
/// A response's head is compressed. But if a HEADERS frame without END_STREAM follows another, the
/// earlier one was interim: trailers end their stream (RFC 9113, section 8.1).
pub(crate) struct Frames {
    scanner: Scanner,
    /// The streams, and the number of such heads on each. Streams with the same remainder share a
    /// place, so a peer with that many concurrent exchanges can hide some.
    heads: [(u32, usize); PLACES],
    limits: HeadLimits,
}

const PLACES: usize = 64;

impl Frames {
    pub(super) fn new(limits: HeadLimits) -> Self {
        Self {
            scanner: Scanner::default(),
            heads: [(0, 0); PLACES],
            limits,
        }
    }

    /// The largest number of interim heads on one stream, among the streams with such heads in
    /// these bytes.
    fn most(&mut self, bytes: &[u8]) -> usize {
        let mut most = 0;
        let heads = &mut self.heads;
        self.scanner
            .scan(bytes, |frame| most = most.max(count(heads, frame)));
        most
    }
}

impl Inspector for Frames {
    fn read(&mut self, buf: &mut ReadBuf<'_>, start: usize) -> Result<Inspected, Excess> {
        let found = self.most(&buf.filled()[start..]);
        self.limits.check_interim(found)?;
        Ok(Inspected {
            interim: found > 0,
            kept_back: false,
        })
    }
}

/// The number of interim heads on the stream of this frame, if the frame is one or may be.
fn count(heads: &mut [(u32, usize); PLACES], frame: &Frame) -> usize {
    if frame.kind != HEADERS || frame.flags & END_STREAM != 0 {
        return 0;
    }
    // Clients use odd stream numbers.
    let place = &mut heads[frame.stream as usize / 2 % PLACES];
    *place = match *place {
        (known, heads) if known == frame.stream => (known, heads + 1),
        _ => (frame.stream, 1),
    };
    place.1 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut frames = Frames::new(HeadLimits::default());
            let (first, second) = said.split_at(cut);
            let most = frames.most(first).max(frames.most(second));
            assert_eq!(most, 2, "cut at {cut}");
        }
    }
}
