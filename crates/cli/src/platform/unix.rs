//! Unix: file descriptors and signals.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{self, SignalKind};

use crate::interrupt::Signal;

/// The name of [`Signal::Terminate`].
pub(crate) const TERMINATE: &str = "SIGTERM";

/// The signals of one kind.
pub(crate) struct Signals(unix::Signal);

impl Signals {
    /// Takes the place of the signal's default action.
    pub(crate) fn listen(signal: Signal) -> io::Result<Self> {
        unix::signal(SignalKind::from_raw(signal.number().into())).map(Self)
    }

    pub(crate) async fn recv(&mut self) -> Option<()> {
        self.0.recv().await
    }
}

/// Standard input, without the buffer of the standard library.
pub(crate) fn standard_input() -> io::Result<File> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Standard output, without the buffer of the standard library.
pub(crate) fn standard_output() -> io::Result<File> {
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// The limit on the descriptors of the process, if it has one. It is raised if it is below `needed`.
pub(crate) fn descriptor_limit(needed: u64) -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| needed <= current) {
        return limit.current;
    }
    // To the hard limit, as the process may need more descriptors than are counted here.
    let raised = Rlimit {
        current: highest(limit.maximum),
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    }
}

/// The highest soft limit: macOS refuses one above `OPEN_MAX`.
fn highest(hard: Option<u64>) -> Option<u64> {
    const OPEN_MAX: u64 = 10_240;
    match cfg!(target_vendor = "apple") {
        true => Some(hard.unwrap_or(OPEN_MAX).min(OPEN_MAX)),
        false => hard,
    }
}
