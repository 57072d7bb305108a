//! The error of a request without a response, in the form of hyper-util's.

use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, io};

use keepalive::{AllocateError, ConnectError};

use super::connect::{Connected, Info};
use crate::error::Cause;
use crate::http2::Over;
use crate::outgoing::BoxError;

/// The error of a request without a response.
///
/// The source is a [`hyper::Error`], or the connector's error with its own type. If a manager's
/// limit or deadline is the reason, it is an [`AllocateError`]. The message is that of hyper-util.
pub struct Error {
    kind: Kind,
    source: Option<Source>,
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

enum Source {
    Allocate(AllocateError),
    Other(BoxError),
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
        match &self.source {
            Some(Source::Allocate(error)) => Some(error),
            _ => None,
        }
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
            source: Some(Source::Other(source.into())),
            ..Self::new(kind)
        }
    }

    /// Converts an error of our own client; `info` belongs to the last connection of the request.
    pub(super) fn from_ours(error: crate::Error, info: Option<&Info>) -> Self {
        let connected = info.map(Info::give);
        match error.into_cause() {
            Cause::Allocate(error) => {
                // The connection was open, and failed in hyper's handshake.
                let began = own_words(&error).is::<hyper::Error>();
                Self {
                    kind: if began {
                        Kind::SendRequest
                    } else {
                        Kind::Connect
                    },
                    source: Some(Source::Allocate(error)),
                    connected: None,
                }
            }
            Cause::Failed { function, source } => Self {
                kind: match function {
                    "request" if !is_users(&source) => Kind::Canceled,
                    _ => Kind::SendRequest,
                },
                source: Some(Source::Other(source)),
                connected,
            },
        }
    }

    pub(super) fn with_info(mut self, info: Option<&Info>) -> Self {
        self.connected = info.map(Info::give);
        self
    }
}

/// Whether hyper blames the request or its body.
fn is_users(source: &BoxError) -> bool {
    let source = source.downcast_ref();
    source.is_some_and(hyper::Error::is_user)
}

/// The error of the connector or of hyper, if a manager wraps it.
fn own_words(error: &AllocateError) -> &(dyn StdError + 'static) {
    let words = match error.source() {
        Some(failed) if failed.is::<ConnectError>() => failed.source().unwrap_or(failed),
        Some(source) => source,
        None => error,
    };
    // A newly opened connection was unusable.
    let inner = words.downcast_ref().and_then(io::Error::get_ref);
    let over = inner.and_then(|inner| inner.downcast_ref::<Over>());
    over.and_then(StdError::source).unwrap_or(words)
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
            Some(Source::Allocate(error)) => match own_words(error) {
                words if words.is::<AllocateError>() => tuple.field(&format_args!("{words}")),
                words => tuple.field(&words),
            },
            Some(Source::Other(error)) => tuple.field(error),
            None => &mut tuple,
        };
        tuple.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.source.as_ref()? {
            Source::Allocate(error) => Some(own_words(error)),
            Source::Other(error) => match error.downcast_ref::<Over>() {
                Some(over) => over.source(),
                None => Some(&**error),
            },
        }
    }
}
