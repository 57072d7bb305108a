//! How the program ends.

use std::process::ExitCode;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was fetched.
    Success,
    /// Something was not fetched, or a result could not be written.
    Failed,
    /// The command line, or a file that it names, can not be used; nothing was fetched.
    Usage,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// 0, 1, 2, or 128 and the number of SIGINT.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
