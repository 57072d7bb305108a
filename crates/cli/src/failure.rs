//! Why a fetch failed: the function, and its error.

use std::error::Error;
use std::fmt;
use std::io;

use http::Uri;
use indicatif::HumanCount;
use keepalive::{AllocateError, ConnectError};
use serde::Serialize;

use crate::fetch::exchange::ExchangeError;
use crate::interrupt::Signal;

#[cfg(unix)]
const TIMED_OUT: Option<i32> = Some(libc::ETIMEDOUT);
#[cfg(not(unix))]
const TIMED_OUT: Option<i32> = None;

/// What failed, in the three parts that `keepalive` names every error by, and what was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    pub(crate) function: String,
    pub(crate) error_num: Option<i32>,
    pub(crate) error_str: String,
    /// Of a connection that could not be opened: the addresses, and what became of each.
    pub(crate) detail: Option<String>,
}

impl Failure {
    /// Something that no system has a number for.
    pub(crate) fn of(function: &str, error_str: String) -> Self {
        Self::without_detail(function, None, error_str)
    }

    /// Says what may be behind it.
    pub(crate) fn advise(&mut self, advice: &str) {
        let shown = self.detail.as_mut().unwrap_or(&mut self.error_str);
        shown.push_str("; ");
        shown.push_str(advice);
    }

    /// Says where redirects had led to, if they can not be followed further.
    pub(crate) fn redirected(&mut self, status: u16, last: Option<&Uri>) {
        if self.function == "redirect" {
            let from = last.map_or_else(String::new, |last| format!(" from {last}"));
            self.detail = Some(format!("{self}; the last answer was {status}{from}"));
        }
    }

    fn without_detail(function: &str, error_num: Option<i32>, error_str: String) -> Self {
        Self {
            function: function.to_owned(),
            error_num,
            error_str,
            detail: None,
        }
    }

    /// A signal broke it off.
    pub(crate) fn interrupted(signal: Signal) -> Self {
        Self::of("interrupt", format!("broken off by {}", signal.name()))
    }

    /// The time was over in `phase`, after the manager's part was done.
    pub(crate) fn timeout(phase: &str) -> Self {
        let text = match TIMED_OUT {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::ErrorKind::TimedOut.into(),
        };
        Self {
            function: phase.to_owned(),
            error_num: TIMED_OUT,
            error_str: without_number(&text),
            detail: None,
        }
    }

    /// The answer says that it is an error, and `--fail` was given.
    pub(crate) fn status(status: http::StatusCode) -> Self {
        Self::of("status", status.to_string())
    }

    /// A body did not come, or its codings could not be undone.
    pub(crate) fn body(error: io::Error) -> Self {
        match error.downcast::<keepalive_http::Error>() {
            Ok(error) => Self::from(&error),
            Err(error) => Self::of("decode", format!("the body can not be unpacked: {error}")),
        }
    }

    /// A body is longer than `--max-filesize` allows.
    pub(crate) fn too_long(max: u64) -> Self {
        let max = HumanCount(max);
        let text = format!("it is longer than {max} bytes (--max-filesize)");
        Self::of("body", text)
    }

    /// A body could not be written to `place`.
    pub(crate) fn output(place: &str, error: &io::Error) -> Self {
        Self {
            function: "write".to_owned(),
            error_num: error.raw_os_error(),
            error_str: without_number(error),
            detail: Some(format!("can not write to {place}: {error}")),
        }
    }
}

impl From<&keepalive_http::Error> for Failure {
    fn from(error: &keepalive_http::Error) -> Self {
        Self {
            function: error.function().to_owned(),
            error_num: error.error_num(),
            error_str: error.error_str(),
            detail: connect_error(error).map(ToString::to_string),
        }
    }
}

impl From<&ExchangeError> for Failure {
    fn from(error: &ExchangeError) -> Self {
        match error {
            ExchangeError::Http(error) => Self::from(error),
            ExchangeError::TooManyRedirects(_) | ExchangeError::Location(_) => {
                Self::of("redirect", error.to_string())
            }
        }
    }
}

impl From<&AllocateError> for Failure {
    fn from(error: &AllocateError) -> Self {
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        Self {
            detail: cause.map(ConnectError::to_string),
            ..Self::without_detail(error.function(), error.error_num(), error.error_str())
        }
    }
}

impl From<&ConnectError> for Failure {
    fn from(error: &ConnectError) -> Self {
        Self {
            detail: Some(error.to_string()),
            ..Self::without_detail(error.function(), error.error_num(), error.error_str())
        }
    }
}

/// What it was about a connection that led to an error, if it was that.
fn connect_error(error: &keepalive_http::Error) -> Option<&ConnectError> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(detail) = &self.detail {
            return f.write_str(detail);
        }
        write!(f, "{}: {}", self.function, self.error_str)?;
        match self.error_num {
            Some(number) => write!(f, " (os error {number})"),
            None => Ok(()),
        }
    }
}

/// The text of an error without the number that `io::Error` appends.
fn without_number(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(end) = text.rfind(" (os error") {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_said_once() {
        let failure = Failure::output("a.html", &io::Error::from_raw_os_error(28));
        assert_eq!(failure.error_num, Some(28));
        let text = failure.to_string();
        assert_eq!(text.matches("os error").count(), 1, "{text}");
        assert!(text.starts_with("can not write to a.html: "), "{text}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_timeout_has_the_text_of_the_system() {
        let text = Failure::timeout("body").to_string();
        assert_eq!(text, "body: Connection timed out (os error 110)");
    }
}
