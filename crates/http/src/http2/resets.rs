//! Limits how many streams of a connection are reset before it is replaced.

use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::client::conn::http2::Builder;

use super::Executor;
use crate::connector::LONGEST;

/// Counts the cancelled and failed exchanges of a connection.
///
/// A server may send frames on a stream before it learns of our reset. h2 ignores them while it
/// remembers the stream. Later each such frame is a stream error, and after 1,024 of them h2 ends
/// the connection with all its exchanges. So h2 remembers all resets, and the connection takes no
/// more exchanges long before there are too many; its current exchanges continue to their end.
#[derive(Debug, Default)]
pub(super) struct Resets(AtomicUsize);

impl Resets {
    /// Makes h2 remember every stream that was reset.
    pub(super) fn remember(builder: &mut Builder<Executor>) {
        builder
            .max_concurrent_reset_streams(usize::MAX)
            .reset_stream_duration(LONGEST);
    }

    /// Counts one more; returns whether the limit is reached.
    pub(super) fn add(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) + 1 == ENOUGH
    }
}

// A remembered stream costs some hundred bytes. Frames that h2 rejects count towards its limit too,
// once for each exchange, and current exchanges may still fail.
const ENOUGH: usize = 512;
