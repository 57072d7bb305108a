//! How the program ends.

use std::process::ExitCode;
use std::time::Duration;

use crate::interrupt::Signal;

/// How long the process waits for its connections to close once it has nothing else to do.
///
/// Goodbyes (`close_notify`, GOAWAY) leave at once if the peer reads; one that does not may not
/// hold up the process.
pub(crate) const GOODBYE: Duration = Duration::from_millis(50);

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was fetched.
    Success,
    /// Something was not fetched, or a result could not be written.
    Failed,
    /// The command line, or a file that it names, can not be used; nothing was fetched.
    Usage,
    /// Ctrl-C or SIGTERM.
    Signal(Signal),
}

impl Exit {
    /// 0, 1, 2, or 128 and the number of the signal, as shells say it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Signal(signal) => 128 + signal.number(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
