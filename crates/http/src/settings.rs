//! What hyper can be told about the connections that it speaks on.

#[cfg(feature = "legacy")]
use std::any::Any;
use std::fmt;
use std::sync::Arc;

use hyper::client::conn::{http1, http2};

#[cfg(feature = "legacy")]
use crate::http1::Bare;
use crate::http2::Executor;

/// Settings of hyper's own, in place of ours.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) one: http1::Builder,
    pub(crate) two: Vec<Change>,
    /// Whether the changes are about the windows of HTTP/2.
    pub(crate) has_windows: bool,
    /// How many streams of HTTP/2 there may be before the peer's settings are there.
    pub(crate) streams: Option<usize>,
    /// A [`Bare`] of the connector's transports, if hyper is to speak HTTP/1.1 on what is in them.
    #[cfg(feature = "legacy")]
    pub(crate) bare: Option<Arc<dyn Any + Send + Sync>>,
}

#[cfg(feature = "legacy")]
impl Settings {
    /// What takes the stream out of such a transport.
    pub(crate) fn bare<T: 'static>(&self) -> Option<&Bare<T>> {
        self.bare.as_ref()?.downcast_ref()
    }
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
