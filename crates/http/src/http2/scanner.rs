//! Finds the frames of HTTP/2 in the bytes that one side sends.

/// Parses the frame headers, of nine bytes each (RFC 9113, section 4.1), in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// How many bytes to skip before the next frame header.
    skip: usize,
    head: [u8; LONGEST],
    known: usize,
}

/// The relevant fields of a frame.
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    /// In a GOAWAY, the last stream that the sender may process.
    #[cfg_attr(not(feature = "legacy"), expect(dead_code, reason = "hyper reads it"))]
    pub(crate) last: u32,
}

// RFC 9113, section 6.
pub(crate) const HEADERS: u8 = 1;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const END_STREAM: u8 = 1;

const HEAD: usize = 9;
const LONGEST: usize = HEAD + 4;
// One bit of the four bytes is reserved.
const STREAM: u32 = u32::MAX >> 1;

impl Scanner {
    /// A scanner of what follows this many bytes.
    #[cfg(feature = "legacy")]
    pub(crate) fn after(skip: usize) -> Self {
        Self {
            skip,
            ..Self::default()
        }
    }

    /// Calls `found` with each frame whose header is complete.
    pub(crate) fn scan(&mut self, mut bytes: &[u8], mut found: impl FnMut(&Frame)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            let taken = (self.wanted() - self.known).min(bytes.len() - skipped);
            if taken == 0 {
                return;
            }
            let (head, rest) = bytes[skipped..].split_at(taken);
            self.head[self.known..self.known + taken].copy_from_slice(head);
            self.known += taken;
            bytes = rest;
            if self.known == self.wanted() {
                found(&self.frame());
                self.skip = self.length() - (self.known - HEAD);
                self.known = 0;
            }
        }
    }

    /// How many bytes of the frame are needed: the header, and in a GOAWAY the last stream's
    /// number.
    fn wanted(&self) -> usize {
        match self.known >= HEAD && self.head[3] == GOAWAY {
            true => HEAD + self.length().min(LONGEST - HEAD),
            false => HEAD,
        }
    }

    fn length(&self) -> usize {
        let [a, b, c, ..] = self.head;
        u32::from_be_bytes([0, a, b, c]) as usize
    }

    fn frame(&self) -> Frame {
        let [_, _, _, kind, flags, a, b, c, d, e, f, g, h] = self.head;
        Frame {
            kind,
            flags,
            stream: u32::from_be_bytes([a, b, c, d]) & STREAM,
            last: u32::from_be_bytes([e, f, g, h]) & STREAM,
        }
    }
}
