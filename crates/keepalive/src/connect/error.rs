//! Why an attempt failed.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::connect::Unusable;
use crate::connect::dial::AllFailed;
use crate::connect::platform;
#[cfg(feature = "proxy")]
use crate::connect::proxy::Proxy;

/// Why an attempt to open a connection failed: the function, and its error.
#[derive(Clone, Debug)]
pub struct ConnectError {
    function: &'static str,
    detail: Option<Box<str>>,
    source: Arc<dyn Error + Send + Sync>,
}

impl ConnectError {
    /// An error of `function`, for example `"connect"`.
    pub fn new(function: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            function,
            detail: None,
            source: Arc::from(source.into()),
        }
    }

    /// The error of several failed attempts; its function and number are those of the last.
    pub(super) fn of_all(mut failures: Vec<Self>) -> Self {
        let Some(last) = failures.pop() else {
            let none = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            return Self::new("resolve", none);
        };
        if failures.is_empty() {
            return last;
        }
        let function = last.function;
        failures.push(last);
        Self::new(function, AllFailed(failures.into()))
    }

    /// The errors of all attempts, in order of occurrence, if several addresses were tried.
    pub fn attempts(&self) -> &[Self] {
        let all = self.source.downcast_ref::<AllFailed>();
        all.map_or(&[], |all| &all.0)
    }

    /// Adds a detail, for example the socket address; it must not contain a secret.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Box<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the proxy on the way.
    #[cfg(feature = "proxy")]
    pub(super) fn on_the_way_to(self, proxy: &Proxy) -> Self {
        let detail = match &self.detail {
            Some(detail) => format!("{detail} (proxy {proxy})"),
            None => format!("proxy {proxy}"),
        };
        self.detail(detail)
    }

    /// The function that failed.
    pub fn function(&self) -> &'static str {
        self.function
    }

    /// The number of the operating system's error, if it was one.
    pub fn error_num(&self) -> Option<i32> {
        self.io_error().and_then(io::Error::raw_os_error)
    }

    /// Whether an attempt lacked a file descriptor. Such an error says nothing about the peer.
    pub(crate) fn wants_descriptor(&self) -> bool {
        self.error_num().is_some_and(platform::wants_descriptor)
            || self.attempts().iter().any(Self::wants_descriptor)
    }

    /// The kind of the input or output error, if it was one.
    pub(crate) fn io_kind(&self) -> Option<io::ErrorKind> {
        self.io_error().map(io::Error::kind)
    }

    /// The error in words; the system's own text for a system error.
    pub fn error_str(&self) -> String {
        match (self.error_num(), self.attempts().last()) {
            (Some(number), _) => system_text(number),
            (None, Some(last)) => last.error_str(),
            (None, None) => self.source.to_string(),
        }
    }

    fn io_error(&self) -> Option<&io::Error> {
        let mut error: &(dyn Error + 'static) = &*self.source;
        loop {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return Some(io);
            }
            error = error.source()?;
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.function)?;
        if let Some(detail) = &self.detail {
            write!(f, " {detail}")?;
        }
        if !self.attempts().is_empty() {
            return write!(f, ": {}", self.source);
        }
        write!(f, ": {}", self.error_str())?;
        if let Some(number) = self.error_num() {
            write!(f, " (os error {number})")?;
        }
        Ok(())
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<Unusable> for ConnectError {
    /// The error of a new connection that was unusable before its first use.
    fn from(unusable: Unusable) -> Self {
        let error = match unusable {
            Unusable::Failed(error) => error,
            other => io::Error::new(io::ErrorKind::ConnectionAborted, other.to_string()),
        };
        Self::new("check", error).detail("once it was open")
    }
}

/// The system's text for an error number, without the number that `io::Error` appends.
pub fn system_text(number: i32) -> String {
    let text = io::Error::from_raw_os_error(number).to_string();
    match text.rfind(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
