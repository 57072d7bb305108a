//! What hyper can be told about the connections that it speaks on.

use std::fmt;
use std::sync::Arc;

use hyper::client::conn::{http1, http2};

use crate::http2::Executor;

/// Settings of hyper's own, in place of ours.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) one: http1::Builder,
    pub(crate) two: Vec<Change>,
    /// Whether the changes are about the windows of HTTP/2.
    pub(crate) has_windows: bool,
}

/// A change to what a connection of HTTP/2 is opened with.
pub(crate) type Change = Arc<dyn Fn(&mut http2::Builder<Executor>) + Send + Sync>;

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("one", &self.one)
            .finish_non_exhaustive()
    }
}
