//! The error of a request without a response, in the form of hyper-util's.

use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, io};

use keepalive::{AllocateError, ConnectError};

use super::connect::{Connected, Info};
use crate::error::Cause;
use crate::http2::Ended;
use crate::outgoing::BoxError;

/// The error of a request without a response.
///
/// The source is a [`hyper::Error`], or the connector's error with its own type. If a manager's
/// limit or deadline is the reason, it is an [`AllocateError`]. The message is that of hyper-util.
pub struct Error {
    kind: Kind,
    source: Option<BoxError>,
    connected: Option<Arc<Option<Connected>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Canceled,
    Connect,
    UserUnsupportedRequestMethod,
    UserUnsupportedVersion,
    UserAbsoluteUriRequired,
    SendRequest,
}

impl Error {
    /// Whether there was no connection to send the request on.
    pub fn is_connect(&self) -> bool {
        self.kind == Kind::Connect
    }

    /// The connector's information about the connection on which the error occurred.
    pub fn connect_info(&self) -> Option<&Connected> {
        self.connected.as_deref().and_then(Option::as_ref)
    }

    /// The manager's error, if there was no connection: its cause, its duration, and whether a
    /// retry is worthwhile.
    pub fn allocate(&self) -> Option<&AllocateError> {
        self.source.as_ref()?.downcast_ref()
    }

    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            source: None,
            connected: None,
        }
    }

    pub(super) fn caused(kind: Kind, source: impl Into<BoxError>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(kind)
        }
    }

    /// Converts an error of our own client; `info` belongs to the last connection of the request.
    pub(super) fn from_ours(error: crate::Error, info: Option<&Info>) -> Self {
        match error.into_cause() {
            Cause::Allocate(error) => {
                // The connection was open, and failed in hyper's handshake.
                let kind = match own_words(&error).is::<hyper::Error>() {
                    true => Kind::SendRequest,
                    false => Kind::Connect,
                };
                Self::caused(kind, error)
            }
            Cause::Failed { function, source } => {
                // hyper may blame the request or its body.
                let is_users = source.downcast_ref().is_some_and(hyper::Error::is_user);
                let kind = match function {
                    "request" if !is_users => Kind::Canceled,
                    _ => Kind::SendRequest,
                };
                Self::caused(kind, source).with_info(info)
            }
        }
    }

    pub(super) fn with_info(mut self, info: Option<&Info>) -> Self {
        self.connected = info.map(Info::give);
        self
    }
}

/// The error of the connector or of hyper, without those that a manager or we wrap it in.
fn own_words<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let words = match error.downcast_ref().map(AllocateError::source) {
        Some(Some(failed)) if failed.is::<ConnectError>() => failed.source().unwrap_or(failed),
        Some(source) => source.unwrap_or(error),
        None => error,
    };
    // A newly opened connection was unusable.
    let inner = words.downcast_ref().and_then(io::Error::get_ref);
    let inner = inner.map_or(words, |inner| inner);
    let ended = inner.downcast_ref::<Ended>();
    ended.and_then(StdError::source).unwrap_or(words)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client error ({:?})", self.kind)
    }
}

/// As short as that of hyper-util; [`Error::allocate`] returns the manager's details.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("keepalive_http::legacy::Error");
        tuple.field(&self.kind);
        match &self.source {
            Some(error) if error.is::<AllocateError>() => match own_words(&**error) {
                words if words.is::<AllocateError>() => tuple.field(&format_args!("{words}")),
                words => tuple.field(&words),
            },
            Some(error) => tuple.field(error),
            None => &mut tuple,
        };
        tuple.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|error| own_words(&**error))
    }
}
