//! The error of a fetch or a probe, as users see it.

use std::error::Error;
use std::fmt;
use std::io;

use http::{StatusCode, Uri};
use indicatif::HumanCount;
use keepalive::{AllocateError, ConnectError, errno};
use serde::Serialize;

use crate::fetch::exchange::ExchangeError;
use crate::interrupt::Signal;

/// An error in the three parts of every `keepalive` error, with details of the attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Failure {
    pub(crate) function: String,
    pub(crate) error_num: Option<i32>,
    pub(crate) error_str: String,
    /// The addresses that were tried, each with its error, when no connection could be opened.
    pub(crate) detail: Option<String>,
}

impl Failure {
    /// An error without a number of the system.
    pub(crate) fn of(function: &str, error_str: String) -> Self {
        Self::new(function, None, error_str, None)
    }

    /// Appends a likely cause.
    pub(crate) fn advise(&mut self, advice: &str) {
        let shown = self.detail.as_mut().unwrap_or(&mut self.error_str);
        shown.push_str("; ");
        shown.push_str(advice);
    }

    /// Adds the last response, if the failure is about a redirect.
    pub(crate) fn redirected(&mut self, status: StatusCode, last: Option<&Uri>) {
        if self.function == "redirect" {
            let from = last.map_or_else(String::new, |last| format!(" from {last}"));
            self.detail = Some(format!(
                "{self}; the last answer was {}{from}",
                status.as_u16()
            ));
        }
    }

    fn new(
        function: &str,
        error_num: Option<i32>,
        error_str: String,
        detail: Option<String>,
    ) -> Self {
        Self {
            function: function.to_owned(),
            error_num,
            error_str,
            detail,
        }
    }

    /// The failure of a command that `signal` ended.
    pub(crate) fn interrupted(signal: Signal) -> Self {
        Self::of("interrupt", format!("broken off by {}", signal.name()))
    }

    /// The timeout passed in `phase`, after the manager had granted a connection.
    pub(crate) fn timeout(phase: &str) -> Self {
        let number = errno::ETIMEDOUT;
        let text = without_number(&io::Error::from_raw_os_error(number));
        Self::new(phase, Some(number), text, None)
    }

    /// An error status, under `--fail`.
    pub(crate) fn status(status: StatusCode) -> Self {
        Self::of("status", status.to_string())
    }

    /// The body was cut short, or could not be decoded.
    pub(crate) fn body(error: io::Error) -> Self {
        match error.downcast::<keepalive_http::Error>() {
            Ok(error) => Self::from(&error),
            Err(error) => Self::of("decode", format!("the body can not be unpacked: {error}")),
        }
    }

    /// The body is longer than `--max-filesize` allows.
    pub(crate) fn too_long(max: u64) -> Self {
        let max = HumanCount(max);
        let text = format!("it is longer than {max} bytes (--max-filesize)");
        Self::of("body", text)
    }

    /// The body could not be written to `place`.
    pub(crate) fn output(place: &str, error: &io::Error) -> Self {
        let detail = format!("can not write to {place}: {error}");
        let text = without_number(error);
        Self::new("write", error.raw_os_error(), text, Some(detail))
    }
}

impl From<&keepalive_http::Error> for Failure {
    fn from(error: &keepalive_http::Error) -> Self {
        match error.allocate() {
            Some(error) => Self::from(error),
            None => Self::new(error.function(), error.error_num(), error.error_str(), None),
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
        let detail = cause.map(ConnectError::to_string);
        let (function, text) = (error.function(), error.error_str());
        Self::new(function, error.error_num(), text, detail)
    }
}

impl From<&ConnectError> for Failure {
    fn from(error: &ConnectError) -> Self {
        let (function, text) = (error.function(), error.error_str());
        Self::new(function, error.error_num(), text, Some(error.to_string()))
    }
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

/// The text of `error` without the number that `io::Error` appends.
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
    fn a_failure_shows_its_error_number_once() {
        let failure = Failure::output("a.html", &io::Error::from_raw_os_error(28));
        assert_eq!(failure.error_num, Some(28));
        let text = failure.to_string();
        assert_eq!(text.matches("os error").count(), 1, "{text}");
        assert!(text.starts_with("can not write to a.html: "), "{text}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_timeout_has_the_error_text_of_the_system() {
        let text = Failure::timeout("body").to_string();
        assert_eq!(text, "body: Connection timed out (os error 110)");
    }
}
