//! The frames of HTTP/2, as far as their headers show them.

/// Parses the frame headers of HTTP/2, of nine bytes each (RFC 9113, section 4.1).
///
/// A response's head is compressed. But if a HEADERS frame without END_STREAM follows another, the
/// earlier one was interim: trailers end their stream (section 8.1).
pub(crate) struct Frames {
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
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> usize {
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
