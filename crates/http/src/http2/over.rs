//! What hyper's errors say of a connection that speaks HTTP/2.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use keepalive_engine::planted;

use crate::error::words;

/// A connection had ended with this.
#[derive(Debug)]
pub(crate) struct Over(Arc<hyper::Error>);

impl Over {
    pub(super) fn new(failure: &Arc<hyper::Error>) -> Self {
        Self(Arc::clone(failure))
    }

    /// That of the transport's error, if it was one.
    pub(super) fn kind(&self) -> io::ErrorKind {
        let transport = self.0.source().and_then(<dyn Error>::downcast_ref);
        transport.map_or(io::ErrorKind::Other, io::Error::kind)
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection had ended: {}", words(&*self.0))
    }
}

impl Error for Over {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Whether the peer says that it has done nothing about the request (RFC 9113, section 8.7): by
/// refusing its stream, or by a GOAWAY that names an earlier stream as the last. Those that it
/// does not pass over go on, and if they fail later, then by another error.
pub(super) fn is_refused(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(<dyn Error>::downcast_ref);
    cause.is_some_and(|error: &h2::Error| {
        let is_refused =
            error.reason() == Some(h2::Reason::REFUSED_STREAM) || planted!(ResetTakenForRefused);
        error.is_remote() && (error.is_go_away() || is_refused)
    })
}
