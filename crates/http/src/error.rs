//! The error of a request without a complete response.

use std::fmt;
use std::io;

use http::Method;
use keepalive::{AllocateError, Host, Timing, errno, system_text};

use crate::TimedOut;
use crate::http2::Foreign;
use crate::outgoing::BoxError;

/// The error of a request without a complete response.
///
/// The message names the method, the host and the cause. It holds neither the path and query of the
/// URL nor any header: they may be secret.
///
/// # Examples
///
/// ```no_run
/// # async fn example(client: keepalive_http::Client) {
/// if let Err(error) = client.get("http://127.0.0.1:1/").await {
///     println!("{error}");
///     println!("{} {:?} {}", error.function(), error.error_num(), error.error_str());
/// }
/// # }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    tried: Option<Tried>,
    timing: Option<Timing>,
    resent: u32,
    cause: Cause,
}

/// The request that failed: its method and its host.
#[derive(Clone)]
pub(crate) struct Tried {
    pub(crate) method: Method,
    pub(crate) host: Host,
    /// The proxy that should have forwarded it.
    pub(crate) by: Option<Host>,
}

impl Tried {
    /// The error of this request; [`Error::function`] lists the functions.
    pub(crate) fn failed(self, function: &'static str, source: impl Into<BoxError>) -> Error {
        Error::new(Some(self), function, source)
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.host)?;
        match &self.by {
            Some(proxy) => write!(f, " by {proxy}"),
            None => Ok(()),
        }
    }
}

pub(crate) enum Cause {
    Allocate(AllocateError),
    Failed {
        function: &'static str,
        source: BoxError,
    },
}

impl Error {
    /// The step that failed.
    ///
    /// - `"url"`: the URL can not be used.
    /// - The function of the [`AllocateError`] if there was no connection: `"resolve"`,
    ///   `"connect"`...
    /// - `"request"`: the request can not be sent, or the connection failed before it was sent.
    /// - `"response"`: the head of the response did not arrive, or is malformed.
    /// - `"body"`: the rest of the response did not arrive, or is malformed.
    pub fn function(&self) -> &str {
        match &self.0.cause {
            Cause::Allocate(error) => error.function(),
            Cause::Failed { function, .. } => function,
        }
    }

    /// The number of the operating system's error, if there was one.
    pub fn error_num(&self) -> Option<i32> {
        match &self.0.cause {
            Cause::Allocate(error) => error.error_num(),
            Cause::Failed { source, .. } => chain(&**source)
                .find_map(|error| error.downcast_ref().and_then(io::Error::raw_os_error)),
        }
    }

    /// The cause in words; for a system error, the system's own text.
    pub fn error_str(&self) -> String {
        match &self.0.cause {
            Cause::Allocate(error) => error.error_str(),
            Cause::Failed { source, .. } => match self.error_num() {
                Some(number) => system_text(number),
                None => words(&**source),
            },
        }
    }

    /// How long it took to get the connection, or to fail; `None` if none was requested.
    pub fn timing(&self) -> Option<Timing> {
        self.0.timing
    }

    /// The manager's error, if there was no connection.
    pub fn allocate(&self) -> Option<&AllocateError> {
        match &self.0.cause {
            Cause::Allocate(error) => Some(error),
            Cause::Failed { .. } => None,
        }
    }

    /// Whether a time limit expired: the manager's, one of the [`Deadlines`](crate::Deadlines), or
    /// the system's.
    pub fn is_timeout(&self) -> bool {
        self.error_num() == Some(errno::ETIMEDOUT)
    }

    /// The missed deadline, if it was one of the [`Deadlines`](crate::Deadlines);
    /// [`function`](Self::function) names the phase.
    pub fn timed_out(&self) -> Option<&TimedOut> {
        match &self.0.cause {
            Cause::Failed { source, .. } => source.downcast_ref(),
            Cause::Allocate(_) => None,
        }
    }

    /// Whether there was no connection to send the request on.
    pub fn is_connect(&self) -> bool {
        self.allocate().is_some()
    }

    /// Whether the server does not speak HTTP/2, although the client did: its first bytes are not
    /// HTTP/2.
    ///
    /// This happens if the client assumes HTTP/2 without ALPN, see
    /// [`Http::http2_only`](crate::Http::http2_only). A server that closes the connection without
    /// sending a byte does not count: it may have any reason.
    pub fn is_not_http2(&self) -> bool {
        chain(self).any(<dyn std::error::Error>::is::<Foreign>)
    }

    /// How often the request was sent again, see [`Client::retries`](crate::Client::retries).
    pub fn resent(&self) -> u32 {
        self.0.resent
    }

    #[cfg(feature = "legacy")]
    pub(crate) fn into_cause(self) -> Cause {
        self.0.cause
    }

    pub(crate) fn url(source: impl Into<BoxError>) -> Self {
        Self::new(None, "url", source)
    }

    pub(crate) fn allocation(error: AllocateError) -> Self {
        Self(Box::new(Inner {
            tried: None,
            timing: Some(error.timing()),
            resent: 0,
            cause: Cause::Allocate(error),
        }))
    }

    pub(crate) fn of(mut self, tried: Tried) -> Self {
        self.0.tried = Some(tried);
        self
    }

    pub(crate) fn with_timing(mut self, timing: Timing) -> Self {
        self.0.timing = Some(timing);
        self
    }

    pub(crate) fn with_resent(mut self, resent: u32) -> Self {
        self.0.resent = resent;
        self
    }

    fn new(tried: Option<Tried>, function: &'static str, source: impl Into<BoxError>) -> Self {
        let source = source.into();
        Self(Box::new(Inner {
            tried,
            timing: None,
            resent: 0,
            cause: Cause::Failed { function, source },
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tried) = &self.0.tried {
            write!(f, "{tried}: ")?;
        }
        match &self.0.cause {
            Cause::Allocate(error) => write!(f, "{error}")?,
            Cause::Failed { function, .. } => {
                write!(f, "{function}: {}", self.error_str())?;
                if let Some(number) = self.error_num() {
                    write!(f, " (os error {number})")?;
                }
                if let Some(timed_out) = self.timed_out() {
                    write!(f, ": {timed_out}")?;
                }
            }
        }
        match self.0.resent {
            0 => Ok(()),
            1 => f.write_str(", after it was sent again once"),
            n => write!(f, ", after it was sent again {n} times"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("function", &self.function())
            .field("error_num", &self.error_num())
            .field("message", &self.to_string())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Cause::Allocate(error) => Some(error),
            Cause::Failed { source, .. } => Some(&**source),
        }
    }
}

/// The messages of an error and its sources, without repetitions.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let told = chain(error);
    // An error of rustls is always the source of one with the same message for users.
    #[cfg(feature = "tls")]
    let told = told.filter(|error| !error.is::<keepalive::rustls::Error>());
    told.fold(String::new(), |text, error| {
        // h2 prints the debug data of a GOAWAY as a byte string literal.
        match error.to_string().replace("(b\"", "(\"") {
            more if text.is_empty() => more,
            more if text.contains(&more) => text,
            more => format!("{text}: {more}"),
        }
    })
}

/// An error and its sources. The inner error of an `io::Error` counts as one, although `source`
/// skips it.
fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let inner = error.downcast_ref().and_then(io::Error::get_ref);
        match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_error_is_found_below_other_errors() {
        let refused = io::Error::from_raw_os_error(111);
        let error = Error::url(io::Error::other(Wrapped(refused)));
        assert_eq!(error.function(), "url");
        assert_eq!(error.error_num(), Some(111));
        assert_eq!(error.error_str(), "Connection refused");
        assert_eq!(error.to_string(), "url: Connection refused (os error 111)");
    }

    #[test]
    fn an_error_without_one_of_the_system_joins_the_text_of_all_causes() {
        let error = Error::url(Wrapped(io::Error::other("broken")));
        assert_eq!(error.error_num(), None);
        assert_eq!(error.to_string(), "url: wrapped: broken");
    }

    #[derive(Debug)]
    struct Wrapped(io::Error);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl std::error::Error for Wrapped {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
}
