//! A body that waits for its server to want it (RFC 9110, section 10.1.1).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::Outgoing;

/// A body behind a gate.
pub(super) struct Held {
    pub(super) body: Outgoing,
    pub(super) gate: Arc<Gate>,
    time: Duration,
    /// There once the head of the request has been written.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Held {
    pub(super) fn new(body: Outgoing, time: Duration) -> Self {
        Self {
            body,
            gate: Arc::default(),
            time,
            timer: None,
        }
    }

    /// Waits until the server wants the body, or has said nothing for long enough; for ever, if it
    /// has answered before.
    pub(super) fn poll_wanted(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.gate.lock();
        match &mut *state {
            State::Open => return Poll::Ready(()),
            State::Shut => return Poll::Pending,
            State::Waiting(waker) => *waker = Some(context.waker().clone()),
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.time)));
        let over = timer.as_mut().poll(context);
        if over.is_ready() {
            *state = State::Open;
        }
        over
    }
}

/// Whether a body may be sent; for whoever hears the server.
#[derive(Default)]
pub(crate) struct Gate(Mutex<State>);

enum State {
    Waiting(Option<Waker>),
    Open,
    /// It is not sent any more.
    Shut,
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(None)
    }
}

impl Gate {
    /// The server says that it wants the body.
    pub(crate) fn open(&self) {
        self.change(State::Open);
    }

    /// The server has answered without it.
    pub(crate) fn shut(&self) {
        self.change(State::Shut);
    }

    fn change(&self, to: State) {
        let mut state = self.lock();
        if let State::Waiting(waker) = &mut *state {
            let waker = waker.take();
            *state = to;
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    // Nothing that panics is called with it held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
