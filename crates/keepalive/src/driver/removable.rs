//! Futures that can be removed from the tasks that poll them.
//!
//! An aborted task ends when its runtime polls it or shuts down. A live runtime may do neither,
//! such as one on a single thread outside of `block_on`. Its tasks would keep their resources.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::sync::Arc;

/// The future of a task. Schedules are not explored here, so the lock is the system's.
pub(crate) struct Removable(Mutex<State>);

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

enum State {
    /// The future is not being polled.
    Here(Running),
    /// The task is polling the future.
    Polled,
    /// The future is dropped, or will be after the present poll.
    Removed,
}

impl Removable {
    /// The future for the task, and the handle that removes it.
    pub(crate) fn new(future: impl Future<Output = ()> + Send + 'static) -> (Whole, Arc<Self>) {
        let removable = Arc::new(Self(Mutex::new(State::Here(Box::pin(future)))));
        (Whole(Arc::clone(&removable)), removable)
    }

    /// Drops the future: at once, or after the poll if it is being polled.
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

/// The task's own part; dropping it drops the future.
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
