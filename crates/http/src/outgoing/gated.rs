//! A body that waits for a 100 response (RFC 9110, section 10.1.1).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::Outgoing;
use crate::lock::lock;

/// A body behind a gate.
pub(super) struct Gated {
    pub(super) body: Outgoing,
    pub(super) gate: Arc<Gate>,
    pub(super) time: Duration,
    /// `Some` once the head of the request was written.
    pub(super) timer: Option<Pin<Box<Sleep>>>,
}

impl Gated {
    /// Waits until the server sends a 100, or the time is over; for ever, if the server has sent a
    /// final response first.
    pub(super) fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.gate.0);
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

/// Whether a body may be sent; set by the reader of the responses.
#[derive(Default)]
pub(crate) struct Gate(Mutex<State>);

enum State {
    Waiting(Option<Waker>),
    Open,
    /// The body will not be sent.
    Shut,
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(None)
    }
}

impl Gate {
    /// Lets the body through: the server sent a 100.
    pub(crate) fn open(&self) {
        self.change(State::Open);
    }

    /// Stops the body: the server sent a final response without it.
    pub(crate) fn shut(&self) {
        self.change(State::Shut);
    }

    fn change(&self, to: State) {
        let mut state = lock(&self.0);
        if let State::Waiting(waker) = &mut *state {
            let waker = waker.take();
            *state = to;
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}
