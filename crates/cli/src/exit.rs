//! Exit codes.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use crate::interrupt::Signal;

/// Time for connections to close before the process exits.
///
/// `close_notify` and GOAWAY leave at once if the peer reads. A peer that does not read must not
/// delay the exit.
pub(crate) const GOODBYE: Duration = Duration::from_millis(50);

/// The reason for [`Exit::Usage`], in words. No message repeats a secret.
pub(crate) type Refusal = Box<dyn Error>;

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command did all its work.
    Success,
    /// A fetch or a probe failed, or a result could not be written.
    Failed,
    /// The command line, or a file that it names, can not be used; nothing was sent.
    Usage,
    /// Ctrl-C or SIGTERM, or Ctrl-Break on Windows.
    Signal(Signal),
}

impl Exit {
    /// 0, 1, 2, or 128 plus the number of the signal, as in shells.
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
