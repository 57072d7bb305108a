//! Futures that can be taken away from the tasks that poll them.
//!
//! A task ends when its runtime polls it, or goes. A runtime that is alive and polls nothing, as one on
//! a single thread outside of `block_on`, does neither: what its tasks hold would stay.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::sync::Arc;

/// What a task runs. No schedule is explored here, so the lock is the system's.
pub(crate) struct Removable(Mutex<State>);

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

enum State {
    /// Nobody polls it now.
    Here(Running),
    /// Its task polls it.
    Polled,
    /// It is gone, or goes when it has been polled.
    Removed,
}

impl Removable {
    /// What the task is to run, and what takes that away again.
    pub(crate) fn new(future: impl Future<Output = ()> + Send + 'static) -> (Whole, Arc<Self>) {
        let removable = Arc::new(Self(Mutex::new(State::Here(Box::pin(future)))));
        (Whole(Arc::clone(&removable)), removable)
    }

    /// Drops it: at once, unless it is being polled; then when it has been.
    pub(crate) fn remove(&self) {
        let before = mem::replace(&mut *self.lock(), State::Removed);
        drop(before);
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let Some(mut future) = self.take() else {
            return Poll::Ready(());
        };
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut state = self.lock();
        if matches!(*state, State::Polled) {
            *state = State::Here(future);
            return Poll::Pending;
        }
        drop(state);
        Poll::Ready(())
    }

    fn take(&self) -> Option<Running> {
        let mut state = self.lock();
        match mem::replace(&mut *state, State::Polled) {
            State::Here(future) => Some(future),
            State::Polled | State::Removed => {
                *state = State::Removed;
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As the task has it: with the task it goes.
pub(crate) struct Whole(Arc<Removable>);

impl Future for Whole {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll(context)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.0.remove();
    }
}
