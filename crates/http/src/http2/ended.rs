//! Interprets hyper's errors of an HTTP/2 connection.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use crate::error::words;
use crate::resend::{Failure, is_of_user};

/// The error with which a connection had ended.
#[derive(Debug)]
pub(crate) struct Ended(Arc<hyper::Error>);

impl Ended {
    pub(super) fn new(failure: &Arc<hyper::Error>) -> Self {
        Self(Arc::clone(failure))
    }

    /// The kind of the transport's error, if there was one.
    pub(super) fn kind(&self) -> io::ErrorKind {
        let transport = self.0.source().and_then(<dyn Error>::downcast_ref);
        transport.map_or(io::ErrorKind::Other, io::Error::kind)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection had ended: {}", words(&*self.0))
    }
}

impl Error for Ended {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// How a request failed in hyper.
///
/// A GOAWAY from the peer is only the error of the streams after the last that it names. The other
/// streams continue, and a later failure of theirs is another error.
pub(super) fn failure(error: &hyper::Error) -> Failure {
    if is_of_user(error) {
        return Failure::User;
    }
    let cause = error.source().and_then(<dyn Error>::downcast_ref);
    let Some(cause): Option<&h2::Error> = cause else {
        // A PING was not answered, or the connection's runtime has ended.
        return Failure::Silent;
    };
    let reason = cause.reason();
    let is_refused = reason == Some(h2::Reason::REFUSED_STREAM);
    if cause.is_go_away() {
        return match reason {
            // The peer sent invalid frames.
            _ if !cause.is_remote() => Failure::Partial,
            Some(h2::Reason::NO_ERROR) => Failure::PassedOver,
            _ => Failure::Refused,
        };
    }
    match cause.is_io() {
        true => Failure::Silent,
        false if cause.is_remote() && is_refused => Failure::Refused,
        false => Failure::Reset,
    }
}

/// Whether the peer requires HTTP/1.1 for the request.
pub(super) fn wants_one(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(<dyn Error>::downcast_ref);
    cause.is_some_and(|cause: &h2::Error| {
        cause.is_remote() && cause.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED)
    })
}
