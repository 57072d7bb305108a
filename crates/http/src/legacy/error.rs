//! Why there is no response, in the way of hyper-util.

use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, io};

use keepalive::{AllocateError, ConnectError};

use super::connect::{Connected, Info};
use crate::error::Cause;
use crate::http2::Over;
use crate::outgoing::BoxError;

/// Why there is no response.
///
/// The source is what hyper says, a [`hyper::Error`], or what the connector says, as its own type;
/// where a manager's limits or deadlines are the reason, it is [`AllocateError`]. The message is
/// that of hyper-util.
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

    /// What the connector says of the connection that the error came up on.
    pub fn connect_info(&self) -> Option<&Connected> {
        self.connected.as_deref().and_then(Option::as_ref)
    }

    /// The manager's error, if there was no connection: why, how long it took, whether it is worth
    /// trying again.
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

    /// What our own client says, of a request that had this connection last.
    pub(super) fn from_ours(error: crate::Error, info: Option<&Info>) -> Self {
        let connected = info.map(Info::give);
        match error.into_cause() {
            Cause::Allocate(error) => {
                // The connection was there, and failed as hyper began with it.
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

/// Whether hyper says that the request is at fault, or its body.
fn is_users(source: &BoxError) -> bool {
    let source = source.downcast_ref();
    source.is_some_and(hyper::Error::is_user)
}

/// What the connector or hyper says, where a manager passes it on.
fn own_words(error: &AllocateError) -> &(dyn StdError + 'static) {
    let words = match error.source() {
        Some(failed) if failed.is::<ConnectError>() => failed.source().unwrap_or(failed),
        Some(source) => source,
        None => error,
    };
    // One that had just been opened was of no use.
    let inner = words.downcast_ref().and_then(io::Error::get_ref);
    let over = inner.and_then(|inner| inner.downcast_ref::<Over>());
    over.and_then(StdError::source).unwrap_or(words)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client error ({:?})", self.kind)
    }
}

/// As short as that of hyper-util; what a manager has more to say, [`Error::allocate`] gives.
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
