//! How many streams of a connection may be reset before it is replaced.

use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::client::conn::http2::Builder;

use super::Executor;
use crate::connector::LONGEST;

/// Counts the exchanges of a connection that were given up, or failed.
///
/// What a server sends on a stream that was reset, before it knows of that, is passed over while the
/// stream is remembered. Once it is forgotten, each frame is an error of the stream, and after 1,024
/// of them h2 ends the connection with everybody on it. So all are remembered, and the connection
/// takes no more exchanges long before they are too many: whoever is on it goes on to the end.
#[derive(Debug, Default)]
pub(super) struct Resets(AtomicUsize);

impl Resets {
    /// Has every stream remembered that was reset.
    pub(super) fn remember(builder: &mut Builder<Executor>) {
        builder
            .max_concurrent_reset_streams(usize::MAX)
            .reset_stream_duration(LONGEST);
    }

    /// Counts one more; whether that is enough.
    pub(super) fn add(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) + 1 == ENOUGH
    }
}

// A stream that is remembered costs some hundred bytes. What makes no sense to h2 counts for it too,
// once for each exchange, and those under way may yet fail.
const ENOUGH: usize = 512;
