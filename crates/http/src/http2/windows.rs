//! Limits how many unread bytes of response bodies an HTTP/2 connection buffers.

use hyper::client::conn::http2::Builder;

use super::Executor;

/// The windows of a connection (RFC 9113, section 5.2), and how many streams fit into them.
///
/// The window of the connection is the sum of its streams' windows. So an unread body fills the
/// window of its own stream, and never blocks another stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    stream: u32,
    streams: u32,
}

impl Windows {
    /// Sets the window of each stream.
    pub(crate) fn stream(self, bytes: u32) -> Self {
        Self {
            stream: bytes.clamp(SMALLEST, LARGEST),
            ..self
        }
    }

    /// Sets the largest number of streams.
    pub(crate) fn streams(self, streams: usize) -> Self {
        Self {
            streams: u32::try_from(streams).unwrap_or(u32::MAX).max(1),
            ..self
        }
    }

    /// How many streams the connection may carry: the configured number, as far as the largest
    /// window of a connection has room for them.
    pub(crate) fn room(self) -> usize {
        self.streams.min(LARGEST / self.stream) as usize
    }

    pub(super) fn set(self, builder: &mut Builder<Executor>) {
        builder
            .initial_stream_window_size(self.stream)
            .initial_connection_window_size(self.connection());
    }

    fn connection(self) -> u32 {
        let all = self.stream.saturating_mul(self.streams);
        // A connection always starts with the default (section 6.9.2).
        all.clamp(DEFAULT, LARGEST)
    }
}

/// 2 MiB per stream, as in hyper, and 256 streams, more than most servers allow.
impl Default for Windows {
    fn default() -> Self {
        Self {
            stream: 2 << 20,
            streams: 256,
        }
    }
}

// RFC 9113, section 6.9.1.
const LARGEST: u32 = (1 << 31) - 1;
const DEFAULT: u32 = (1 << 16) - 1;
// One frame of the smallest maximum size (section 4.2): with less, a body takes more frames than
// necessary.
const SMALLEST: u32 = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_streams_together_fit_into_the_connection() {
        for stream in [0, 1, 1 << 14, 65_535, 2 << 20, 1 << 30, LARGEST, u32::MAX] {
            for streams in [0, 1, 100, 256, 1 << 17, usize::MAX] {
                let windows = Windows::default().stream(stream).streams(streams);
                let all = windows.room() as u64 * u64::from(windows.stream);
                assert!(windows.room() >= 1, "{windows:?}");
                assert!(all <= u64::from(windows.connection()), "{windows:?}");
            }
        }
    }
}
