//! Ctrl-C: the first asks for an orderly end, the second ends at once.

use std::future;
use std::process;

use tokio::sync::watch;

use crate::exit::Exit;

/// Tells whether Ctrl-C was pressed.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Starts to listen, in a task of its own: the second Ctrl-C works whatever the rest does.
    pub(crate) fn listen() -> Self {
        let (pressed, receiver) = watch::channel(false);
        tokio::spawn(async move {
            // Where it can not be listened for, Ctrl-C ends the process as it always does.
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            pressed.send_replace(true);
            if tokio::signal::ctrl_c().await.is_ok() {
                process::exit(Exit::Interrupted.code().into());
            }
        });
        Self(receiver)
    }

    /// Completes when Ctrl-C has been pressed; never before.
    pub(crate) async fn raised(&mut self) {
        if self.0.wait_for(|pressed| *pressed).await.is_err() {
            future::pending::<()>().await;
        }
    }
}
