//! How much of response bodies a connection of HTTP/2 takes in before anybody reads it.

use hyper::client::conn::http2::Builder;

use super::Executor;

/// The windows of a connection (RFC 9113, section 5.2), and how many streams they have room for.
///
/// The window of the connection is that of all its streams together. So a body that nobody reads
/// fills the window of its own stream, and never keeps a byte from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    stream: u32,
    streams: u32,
}

impl Windows {
    /// So much for each stream.
    #[must_use]
    pub(crate) fn stream(self, bytes: u32) -> Self {
        Self {
            stream: bytes.clamp(SMALLEST, LARGEST),
            ..self
        }
    }

    /// So many streams at most.
    #[must_use]
    pub(crate) fn streams(self, streams: usize) -> Self {
        Self {
            streams: u32::try_from(streams).unwrap_or(u32::MAX).max(1),
            ..self
        }
    }

    /// As many streams as the connection may carry: those that were asked for, as far as the largest
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
        // A connection begins with the default, whatever is wanted of it (section 6.9.2).
        all.clamp(DEFAULT, LARGEST)
    }
}

/// 2 MiB a stream, as hyper has it, and 256 streams, more than most servers allow.
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
// One frame of the smallest maximum (section 4.2): with less, a body takes more frames than it need.
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
