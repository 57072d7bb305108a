//! hyper's own settings of connections.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use hyper::client::conn::{http1, http2};

use crate::http2::Executor;

/// hyper's own settings, in place of ours.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) one: http1::Builder,
    pub(crate) two: Vec<Change>,
    /// Whether the changes set windows of HTTP/2.
    pub(crate) has_windows: bool,
    /// How many HTTP/2 streams may be open before the peer's settings arrive.
    pub(crate) streams: Option<usize>,
    /// A [`Bare`](crate::http1::Bare) of the connector's transports, if hyper uses their inner streams
    /// directly for HTTP/1.1.
    pub(crate) bare: Option<Arc<dyn Any + Send + Sync>>,
}

/// A change to the builder of an HTTP/2 connection.
pub(crate) type Change =
    Arc<dyn Fn(&mut http2::Builder<Executor>) -> &mut http2::Builder<Executor> + Send + Sync>;

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("one", &self.one)
            .finish_non_exhaustive()
    }
}
