//! The cell in which a request's answer waits for its user.

use std::mem;
use std::panic::Location;
use std::task::Waker;

use keepalive_engine::{ConnectionId, RequestId};

use crate::api::error::Cause;

/// The driver's data about a request. Dropping it may run user code, so it must happen without a
/// lock.
pub(crate) struct AnswerCell {
    answer: Answered,
    /// The source location of the request.
    pub(crate) location: &'static Location<'static>,
}

/// The answer of a request, or the notification to send when it is ready.
#[derive(Default)]
pub(crate) enum Answered {
    /// No answer yet, and no notification.
    #[default]
    No,
    /// No answer yet; it wakes this waker.
    Wakes(Waker),
    /// No answer yet; it posts this letter.
    Posts(Box<dyn Letter>),
    /// An answer with this connection, which is held for the request.
    With(ConnectionId),
    /// An answer without a connection.
    Without(Box<Cause>),
}

/// A message to post when an answer is ready.
pub(crate) trait Letter: Send {
    /// Posts it. Returns the request to forget, if no recipient is left.
    fn post(self: Box<Self>) -> Option<RequestId>;
}

impl AnswerCell {
    pub(crate) fn new(location: &'static Location<'static>) -> Self {
        Self {
            answer: Answered::No,
            location,
        }
    }

    /// The connection that is the answer, if it has not been taken.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        match self.answer {
            Answered::With(connection) => Some(connection),
            _ => None,
        }
    }

    /// Stores the answer, and returns what was there before.
    pub(crate) fn set(&mut self, answer: Answered) -> Answered {
        mem::replace(&mut self.answer, answer)
    }

    /// Clears an answer that has been taken, or that another will replace.
    pub(crate) fn clear(&mut self) {
        self.answer = Answered::No;
    }

    /// Takes the cause of an answer without a connection, if it is one.
    pub(crate) fn take_refusal(&mut self) -> Option<Cause> {
        match mem::take(&mut self.answer) {
            Answered::Without(cause) => Some(*cause),
            other => {
                self.answer = other;
                None
            }
        }
    }

    /// Registers `waker` for the answer; returns the waker that it replaces.
    pub(crate) fn wake(&mut self, waker: &Waker) -> Option<Waker> {
        match &mut self.answer {
            Answered::Wakes(known) if known.will_wake(waker) => None,
            Answered::Wakes(known) => Some(mem::replace(known, waker.clone())),
            answer => {
                *answer = Answered::Wakes(waker.clone());
                None
            }
        }
    }

    /// Registers `letter` for the answer; returns it if the answer is ready.
    pub(crate) fn post(&mut self, letter: Box<dyn Letter>) -> Option<Box<dyn Letter>> {
        if matches!(self.answer, Answered::With(_) | Answered::Without(_)) {
            return Some(letter);
        }
        self.answer = Answered::Posts(letter);
        None
    }
}

impl Default for AnswerCell {
    fn default() -> Self {
        Self::new(Location::caller())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cell_is_small() {
        assert_eq!(size_of::<super::AnswerCell>(), 32);
    }
}
