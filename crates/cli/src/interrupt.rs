//! Signals: the first asks for an orderly end, the second ends the process at once.

use std::future;
use std::process;

use tokio::sync::watch;

use crate::exit::Exit;
use crate::platform::{self, Signals};

/// A signal that ends a command: it prints its results so far, and leaves no incomplete file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT, from Ctrl-C.
    Interrupt,
    /// SIGTERM, from `kill`, `timeout` and service managers; Ctrl-Break on Windows.
    Terminate,
}

impl Signal {
    /// The number that POSIX gives it.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    /// The name that users know.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "Ctrl-C",
            Self::Terminate => platform::TERMINATE,
        }
    }
}

/// Receives the first signal.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<Option<Signal>>);

impl Interrupt {
    /// Starts a task for each signal, so that a second signal works even if the command hangs.
    pub(crate) fn listen() -> Self {
        let (raised, receiver) = watch::channel(None);
        for signal in [Signal::Interrupt, Signal::Terminate] {
            let raised = raised.clone();
            // Without a listener, the signal keeps its default action and ends the process.
            let Ok(mut signals) = Signals::listen(signal) else {
                continue;
            };
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    let is_first = |raised: &mut Option<_>| raised.replace(signal).is_none();
                    if !raised.send_if_modified(is_first) {
                        process::exit(Exit::Signal(signal).code().into());
                    }
                }
            });
        }
        Self(receiver)
    }

    /// Waits for the first signal.
    ///
    /// # Cancel safety
    ///
    /// No signal is lost: the next call returns it.
    pub(crate) async fn raised(&mut self) -> Signal {
        let first = self.0.wait_for(Option::is_some).await;
        match first.ok().and_then(|first| *first) {
            Some(signal) => signal,
            None => future::pending().await,
        }
    }
}
