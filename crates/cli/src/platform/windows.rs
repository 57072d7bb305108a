//! Windows: handles and the events of a console.

use std::fs::File;
use std::io;
use std::os::windows::io::AsHandle;

use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};

use crate::interrupt::Signal;

/// The name of [`Signal::Terminate`].
pub(crate) const TERMINATE: &str = "Ctrl-Break";

/// The signals of one kind.
pub(crate) enum Signals {
    Interrupt(CtrlC),
    /// The one event that another process can send to end this one in order.
    Terminate(CtrlBreak),
}

impl Signals {
    /// Takes the place of the signal's default action.
    pub(crate) fn listen(signal: Signal) -> io::Result<Self> {
        match signal {
            Signal::Interrupt => ctrl_c().map(Self::Interrupt),
            Signal::Terminate => ctrl_break().map(Self::Terminate),
        }
    }

    pub(crate) async fn recv(&mut self) -> Option<()> {
        match self {
            Self::Interrupt(signals) => signals.recv().await,
            Self::Terminate(signals) => signals.recv().await,
        }
    }
}

/// Standard input, without the buffer of the standard library.
pub(crate) fn standard_input() -> io::Result<File> {
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

/// Standard output, without the buffer of the standard library.
pub(crate) fn standard_output() -> io::Result<File> {
    Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
}

/// Windows does not limit the handles of a process.
pub(crate) fn descriptor_limit(_needed: u64) -> Option<u64> {
    None
}
