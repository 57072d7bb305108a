//! The part of tokio's `Notify` that the driver uses, on locks that can be explored.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::Mutex;

/// Notifies waiters of events.
#[derive(Debug, Default)]
pub(crate) struct Notify(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Set by `notify_one`, taken by the next poll.
    permit: bool,
    /// The number of calls of `notify_waiters`.
    rounds: u64,
    waiting: Vec<Waker>,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Ends one wait, or the next.
    pub(crate) fn notify_one(&self) {
        self.tell(|state| state.permit = true);
    }

    /// Ends all waits that have begun.
    pub(crate) fn notify_waiters(&self) {
        self.tell(|state| state.rounds += 1);
    }

    /// Starts a wait.
    pub(crate) fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            since: self.0.lock().rounds,
        }
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = self.0.lock();
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    since: u64,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.notify.0.lock();
        if state.rounds > self.since || std::mem::take(&mut state.permit) {
            return Poll::Ready(());
        }
        state.waiting.push(context.waker().clone());
        Poll::Pending
    }
}
