//! Signals that ask for the end: the first asks for an orderly one, the second ends at once.

use std::future;
use std::process;

use tokio::signal::unix::{self, SignalKind};
use tokio::sync::watch;

use crate::exit::Exit;

/// A signal that ends a run: the summary so far is printed, and no file is left half-written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT, which Ctrl-C sends.
    Interrupt,
    /// SIGTERM, which `kill`, `timeout` and service managers send.
    Terminate,
}

impl Signal {
    /// The system's number for it, which POSIX fixes for both.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    /// Its name as users know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "Ctrl-C",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// Tells whether a signal has come.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<Option<Signal>>);

impl Interrupt {
    /// Starts to listen, in a task for each signal: the second one works whatever the rest does.
    pub(crate) fn listen() -> Self {
        let (raised, receiver) = watch::channel(None);
        for signal in [Signal::Interrupt, Signal::Terminate] {
            let raised = raised.clone();
            // A signal that can not be listened for ends the process as it always does.
            let Ok(mut signals) = unix::signal(SignalKind::from_raw(signal.number().into())) else {
                continue;
            };
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    let is_first = raised.send_if_modified(|first| {
                        let is_first = first.is_none();
                        first.get_or_insert(signal);
                        is_first
                    });
                    if !is_first {
                        process::exit(Exit::Signal(signal).code().into());
                    }
                }
            });
        }
        Self(receiver)
    }

    /// Completes with the first signal; never before one has come.
    ///
    /// # Cancel safety
    ///
    /// No signal is lost: the next call answers it.
    pub(crate) async fn raised(&mut self) -> Signal {
        let first = self.0.wait_for(Option::is_some).await;
        match first.ok().and_then(|first| *first) {
            Some(signal) => signal,
            None => future::pending().await,
        }
    }
}
